"""AWS as the tests see it: moto in this process, fake credentials, and the few places fixed where moto is not EC2.

aws        a Session on an empty pretend account in us-east-1
calls      every AWS call made through `aws`, in order: "ec2:RunInstances"
answer     answer(aws, "ec2", "RunInstances", code="VcpuLimitExceeded", message="...") makes AWS say no
clock      a Clock on which sleeping takes no time
said, tell what was told to the user: a list, and the function that fills it
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import botocore.session
import moto.settings
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.ec2.models import amis
from moto.ssm.models import Parameter, ssm_backends

import infra
from infra.aws.client.polling import Clock
from infra.aws.client.session import Session
from tests.aws.pretend_account import ACCOUNT, AMIS, MADE, REGION

KIT_CODE = str(Path(infra.__file__).parent)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back on all tests of this folder comes after them."""
    items.sort(key=lambda item: item.get_closest_marker("looks_back") is not None)


@pytest.fixture(autouse=True)
def no_real_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that leaves moto by mistake must not reach a real account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(autouse=True, scope="session")
def models_read_once() -> Iterator[None]:
    """Each session would unpack and read EC2's model again, which takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield


@pytest.fixture
def strict_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, types and keys must exist, as on EC2; the images are ours, not moto's 1,300 of 2017."""
    for name in ("ENABLE_AMI_VALIDATION", "EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "ENABLE_KEYPAIR_VALIDATION"):
        monkeypatch.setattr(moto.settings, name, True)
    monkeypatch.setenv("MOTO_AMIS_PATH", str(AMIS))
    monkeypatch.setattr(amis, "AMIS", json.loads(AMIS.read_text()))


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def aws(strict_moto: None, calls: list[str]) -> Iterator[Session]:
    with mock_aws():
        seed_images(REGION)
        session = Session(region=REGION)
        mend_client_tokens(session)
        # The earliest of botocore's events: later ones end where `answer` and the token's fix answer in AWS's place.
        session.events.register("before-parameter-build", lambda model, **_: calls.append(spelled(model)))
        session.events.register("before-parameter-build", lambda model, **_: note(spelled(model)))
        yield session


def spelled(model: Any) -> str:
    return f"{model.service_model.service_name}:{model.name}"


def note(call: str) -> None:
    """Remember in MADE that the kit's code, and not a test by itself, has made *call*."""
    frame: FrameType | None = sys._getframe()
    while call not in MADE and frame:
        if frame.f_code.co_filename.startswith(KIT_CODE):
            MADE.add(call)
        frame = frame.f_back


@pytest.fixture
def clock() -> Clock:
    return pretend_clock()


def pretend_clock() -> Clock:
    """Sleeping moves its hand, and nothing else does."""
    hand = [0.0]

    def sleep(seconds: float) -> None:
        hand[0] += seconds

    return Clock(now=lambda: hand[0], sleep=sleep)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def tell(said: list[str]) -> Callable[[str], None]:
    return said.append


@pytest.fixture
def answer() -> Callable[..., None]:
    return refuse


def refuse(
    session: Session,
    service: str,
    operation: str,
    *,
    code: str,
    message: str = "no",
    times: int = 10_000,
    when: Any = None,
) -> None:
    """Make AWS answer *code* to *operation*, *times* times; *when*(body of the request) chooses which requests."""
    left = [times]

    def hook(params: dict[str, Any], **_: Any) -> None:
        if left[0] and (when is None or when(params.get("body"))):
            left[0] -= 1
            raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    for client in (session.client(service), session.client(service, patient=False)):
        client.meta.events.register(f"before-call.{service}.{operation}", hook)


def seed_images(region: str) -> None:
    """The Deep Learning AMI parameters. moto has none, and its PutParameter refuses names below /aws."""
    new_parameter: Any = Parameter  # its own types say that it is abstract, and that it wants a datetime
    for image in json.loads(AMIS.read_text()):
        for name in image.get("description", "").split():
            ssm_backends[ACCOUNT][region]._parameters[name].append(
                new_parameter(
                    account_id=ACCOUNT,
                    name=name,
                    value=image["ami_id"],
                    parameter_type="String",
                    description="",
                    allowed_pattern=None,
                    keyid=None,
                    last_modified_date=time.time(),
                    version=1,
                    data_type="text",
                )
            )


def mend_client_tokens(session: Session) -> None:
    """moto makes a new instance each time a ClientToken comes back; EC2 gives the old one, or says the words differ.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    known: dict[str, tuple[Any, Any]] = {}

    def before(params: dict[str, Any], context: dict[str, Any], **_: Any) -> Any:
        body = dict(params["body"])
        token = body.pop("ClientToken", "")
        context["request"] = token, body
        if token not in known:
            return None
        asked, parsed = known[token]
        if asked != body:
            message = "Arguments on this idempotent request are inconsistent"
            raise ClientError({"Error": {"Code": "IdempotentParameterMismatch", "Message": message}}, "RunInstances")
        return AWSResponse("https://ec2", 200, HTTPHeaders(), None), parsed

    def after(parsed: Any, context: dict[str, Any], http_response: Any, **_: Any) -> None:
        token, body = context["request"]
        if http_response.status_code < 300:
            known.setdefault(token, (body, parsed))

    session.events.register("before-call.ec2.RunInstances", before)
    session.events.register("after-call.ec2.RunInstances", after)
