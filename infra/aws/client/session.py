"""The door to AWS: the only place where boto3 is imported, a client is made, and botocore's errors become ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from infra.aws.client.credentials import Keys
from infra.aws.client.errors import Scene, from_code, from_exception
from infra.aws.client.responses import NoAnswer, Parsers, require
from infra.aws.client.waiting import Waiting
from infra.console import Tell
from infra.names import KIT, REHEARSAL_KEY_ID

if TYPE_CHECKING:
    import boto3
    from botocore.session import Session as Botocore

FALLBACK_REGION: Final = "us-east-1"
# Where IAM's name for a service is not the one it signs with.
IAM_PREFIX: Final = {"monitoring": "cloudwatch"}
READ_TIMEOUT_S: Final = 60.0  # botocore's own


class Session:
    """Who we are and which region we speak to. Opens nothing until a client is asked for; safe to share by threads.

    *endpoint_url*: the rehearsal cloud's address, and *secret* its own secret key, so that a user without an AWS
    account can rehearse, and a user with one cannot leak a key to it. *tell* hears what is waited for.
    """

    def __init__(
        self, *, region: str, profile: str = "", endpoint_url: str = "", secret: str = "", tell: Tell | None = None
    ) -> None:
        self.region = region
        self.profile = profile
        self.endpoint_url = endpoint_url
        self._secret = secret
        self._tell = tell
        self._waiting = Waiting(tell) if tell else None
        self._lock = threading.RLock()
        self._boto: boto3.Session | None = None
        self._keys: Keys | None = None
        self._clients: dict[tuple[str, str, bool, float], Any] = {}

    def client(
        self, service: str, *, region: str | None = None, patient: bool = True, timeout_s: float = READ_TIMEOUT_S
    ) -> Any:
        """A client, always the same one for the same arguments.

        *patient* retries what AWS may answer better a second later, throttling above all. Capacity is not like that:
        `patient=False` asks once, because the SDK would ask the same question again instead of the next zone.
        *timeout_s* is how long one answer is waited for; short where there is another way to know.
        """
        wanted = (service, region or self.region, patient, timeout_s)
        with self._lock:  # making clients is not thread-safe, using them is:
            # https://boto3.amazonaws.com/v1/documentation/api/latest/guide/session.html
            if wanted not in self._clients:
                self._clients[wanted] = self._make(*wanted)
            return self._clients[wanted]

    def elsewhere(self, region: str) -> Session:
        """The same account, seen from another region."""
        return Session(
            region=region, profile=self.profile, endpoint_url=self.endpoint_url, secret=self._secret, tell=self._tell
        )

    @property
    def events(self) -> Any:
        """botocore's hooks. What is registered here sees every call of the clients made afterwards."""
        with self._lock:
            return self._open().events

    @contextmanager
    def translated(self, action: str, *, region: str = "") -> Iterator[None]:
        """Turn whatever AWS or botocore raises inside into our errors; *action* reads after "Cannot ": "start i-0abc".

        AwsFailed.code keeps AWS's own code for the callers that can go on after some of them.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with self.patiently(action):
                yield
        except ClientError as error:
            said = error.response.get("Error", {})
            permission = self._permission_for(error.operation_name)
            scene = self._scene(action, region)
            raise from_code(said.get("Code") or "", said.get("Message") or "", permission, scene) from error
        except (BotoCoreError, NoAnswer) as error:
            names = tuple(kind.__name__ for kind in type(error).__mro__)
            raise from_exception(names, str(error), self._scene(action, region)) from error

    def patiently(self, action: str) -> AbstractContextManager[None]:
        """While inside, the user hears after some seconds what is waited for."""
        return self._waiting.on(action) if self._waiting else nullcontext()

    def _scene(self, action: str, region: str) -> Scene:
        return Scene(
            action=action,
            region=region or self.region,
            profile=self.profile or (self._keys.profile if self._keys else ""),
            rehearsing=bool(self.endpoint_url),
            method=self._keys.method if self._keys and not self.profile else "",
        )

    def _permission_for(self, operation: str) -> str:
        """ "ec2:RunInstances": an error knows its operation only, but we made the clients."""
        models = (client.meta.service_model for client in list(self._clients.values()))
        owners = (model.signing_name for model in models if operation in model.operation_names)
        owner = next(owners, "")
        return f"{IAM_PREFIX.get(owner, owner)}:{operation}" if owner else operation

    def _make(self, service: str, region: str, patient: bool, timeout_s: float) -> Any:
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 5 if patient else 1},
            connect_timeout=min(10, timeout_s),
            read_timeout=timeout_s,
            user_agent_extra=KIT,
            max_pool_connections=32,  # `sweep` and `launch` ask side by side
            # A proxy set for the outside world must not be asked for 127.0.0.1. None: botocore's own rules.
            proxies={} if self.endpoint_url else None,
        )
        with self.translated("speak to AWS", region=region):
            # Any: the stubs know clients by literal name only, and this is the place for every name.
            opened: Any = self._open()
            return opened.client(service, region_name=region, endpoint_url=self.endpoint_url or None, config=config)

    def _open(self) -> boto3.Session:
        if self._boto is None:
            with self.translated("speak to AWS"):
                inner = _rehearsing(self._secret) if self.endpoint_url else _real(self.profile)
                self._keys = Keys(inner)
                self._boto = _watch(inner, self.region, self._keys)
        return self._boto


def default_region(profile: str = "") -> str:
    """The region of *profile* (empty: of the one AWS's own rules choose), else us-east-1."""
    session = Session(region=FALLBACK_REGION, profile=profile)
    with session.translated("read your AWS configuration"):
        return _real(profile).get_config_variable("region") or FALLBACK_REGION


def _real(profile: str) -> Botocore:
    import botocore.session

    return botocore.session.Session(profile=profile or None)


def _rehearsing(secret: str) -> Botocore:
    import botocore.session

    # Neither the user's files nor AWS_PROFILE count.
    # (name in the file, environment variable, default, conversion)
    blind = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    inner = botocore.session.Session(session_vars=blind)
    inner.set_credentials(REHEARSAL_KEY_ID, secret)
    return inner


def _watch(inner: Botocore, region: str, keys: Keys) -> boto3.Session:
    """A session whose keys are looked at before each request is signed, and whose answers before anybody reads them."""
    import boto3

    component = "response_parser_factory"
    inner.register_component(component, Parsers(inner.get_component(component)))
    session = boto3.Session(botocore_session=inner, region_name=region)
    session.events.register_first("request-created", keys.look)
    session.events.register_last("after-call", _look_at_answer)
    return session


def _look_at_answer(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    if http_response.status_code < 300:
        require(model.name, model.output_shape, parsed)
