"""AWS as the tests see it: moto in this process, fake credentials, fixed by the rehearsal cloud where it is not EC2.

aws        a Session on an empty pretend account in us-east-1
calls      every AWS call made through `aws`, in order: "ec2:RunInstances"
answer     answer(aws, "ec2", "RunInstances", code="VcpuLimitExceeded", message="...") makes AWS say no
clock      a Clock on which sleeping takes no time
reaper     ends a command at one of its calls of `aws`
said, tell what was told to the user: a list, and the function that fills it
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import botocore.client
import botocore.session
import moto.settings
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, amis, ec2_backends
from moto.ec2.responses import EC2Response
from moto.kms import models as kms
from moto.kms.utils import generate_private_key
from moto.ssm.models import ssm_backends

import infra
from infra.aws.client.polling import Clock
from infra.aws.client.session import Session
from infra.names import OWNER_TAG
from infra.rehearsal.cloud import answering, images
from infra.rehearsal.cloud.response import Refusal
from infra.rehearsal.cloud.run_instances import IdempotentLaunch
from tests.aws.pretend_account import FAMILIES, MADE, REGION
from tests.aws.samples import Reaper

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


def one_for_each_service(method: Callable[..., Any]) -> Callable[..., Any]:
    """*method*, whose first word is a service, asked once for each of them."""
    made: dict[str, Any] = {}

    def make(creator: Any, service: str, *rest: Any, **named: Any) -> Any:
        if service not in made:
            made[service] = method(creator, service, *rest, **named)
        return made[service]

    return make


@pytest.fixture(autouse=True, scope="session")
def models_read_once() -> Iterator[None]:
    """Each client would make 700 methods of EC2's model, which takes longer than most tests."""
    creator = botocore.client.ClientCreator
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_load_service_model", "_create_client_class"):  # what the model has worked out is shared, too
            patch.setattr(creator, name, one_for_each_service(vars(creator)[name]))
        yield


class EC2(IdempotentLaunch, EC2Backend):
    """moto's, with the rehearsal's patch: the same ClientToken gives the same instance."""

    __module__ = EC2Backend.__module__  # moto finds a backend's URLs by this name

    refuse_launch = staticmethod(lambda ec2, wish, count: None)
    """There is room for every launch."""

    def run_instances(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().run_instances(*args, **kwargs)
        except Refusal as refusal:
            raise EC2ClientError(refusal.code, refusal.message) from None


def moto_as_strict_as_ec2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, types and keys must exist, as on EC2; images and patches are those of the rehearsal cloud."""
    for name in ("ENABLE_AMI_VALIDATION", "EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "ENABLE_KEYPAIR_VALIDATION"):
        monkeypatch.setattr(moto.settings, name, True)
    # It has read its images by now, and takes ours for them; each account would get 1,260 of its own besides.
    monkeypatch.setenv("MOTO_AMIS_PATH", os.devnull)
    monkeypatch.setattr(images, "FAMILIES", FAMILIES)
    monkeypatch.setattr(amis, "AMIS", images.catalogue())
    monkeypatch.setattr(ec2_backends, "backend", EC2)
    for verb in (create_placement_group, describe_placement_groups, delete_placement_group):
        monkeypatch.setattr(EC2Response, verb.__name__, verb, raising=False)
    monkeypatch.setattr(ssm_backends, "backend", ssm_backends.backend)
    monkeypatch.setattr(kms, "generate_private_key", generate_private_key)
    monkeypatch.setattr(amis.Ami, "block_device_mappings", amis.Ami.block_device_mappings)
    images.mend_parameters()
    images.mend_root_disks()
    images.spare_disk_keys()
    answering.remember()


@pytest.fixture
def strict_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    moto_as_strict_as_ec2(monkeypatch)


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def aws(strict_moto: None, calls: list[str]) -> Iterator[Session]:
    with mock_aws():
        session = Session(region=REGION)
        # The earliest of botocore's events: later ones end where `answer` answers in AWS's place.
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


def placement_groups_of(moto: Any) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = moto.ec2_backend.__dict__.setdefault("placement_groups", {})
    return made


def create_placement_group(moto: Any) -> ActionResult:
    """moto has none. In use as long as any machine of the kit is there, which is enough for a rig by itself."""
    name = moto._get_param("GroupName")
    if name in placement_groups_of(moto):
        raise EC2ClientError("InvalidPlacementGroup.Duplicate", name)
    tags = moto._parse_tag_specification().get("placement-group", {})
    shown = [{"Key": key, "Value": value} for key, value in tags.items()]
    placement_groups_of(moto)[name] = {"GroupName": name, "Strategy": moto._get_param("Strategy"), "Tags": shown}
    return ActionResult({"PlacementGroup": placement_groups_of(moto)[name]})


def describe_placement_groups(moto: Any) -> ActionResult:
    wanted = {name.removeprefix("tag:"): values for name, values in moto._filters_from_querystring().items()}
    found = placement_groups_of(moto).values()
    has = [(one, {tag["Key"]: tag["Value"] for tag in one["Tags"]}) for one in found]
    fits = [one for one, tags in has if all(tags.get(name) in values for name, values in wanted.items())]
    return ActionResult({"PlacementGroups": fits})


def delete_placement_group(moto: Any) -> ActionResult:
    name = moto._get_param("GroupName")
    if name not in placement_groups_of(moto):
        raise EC2ClientError("InvalidPlacementGroup.Unknown", name)
    marks = [one.get_tags() for one in moto.ec2_backend.all_instances() if one.state != "terminated"]
    if any(tag["key"] == OWNER_TAG for tags in marks for tag in tags):
        raise EC2ClientError("InvalidPlacementGroup.InUse", name)
    del placement_groups_of(moto)[name]
    return ActionResult({})


@pytest.fixture
def reaper(aws: Session) -> Reaper:
    reaper = Reaper()
    reaper.watch(aws)
    return reaper
