"""Answers that are none: a login page with status 200, an answer cut short, a member missing or of another kind.

Whatever comes back, a command ends in a sentence or in what it was asked for; it never crashes, and never calls done
what is not.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from infra.aws.account import sweep
from infra.aws.account.cost import instance_costs
from infra.aws.account.doctor import examine
from infra.aws.account.teardown import end_rig
from infra.aws.autostop import safeguards
from infra.aws.client.account import Account
from infra.aws.client.polling import Clock
from infra.aws.client.response_schema import READ
from infra.aws.client.responses import NoAnswer, require
from infra.aws.client.session import Session
from infra.aws.client.waiting import Waiting
from infra.aws.instances import lifecycle
from infra.aws.instances.instance import find, list_instances
from infra.errors import AwsFailed, RigError
from infra.settings import Settings
from tests.aws.conftest import REGION, pretend_clock
from tests.aws.responses import quotas
from tests.aws.samples import NAME, census, launch, whole
from tests.sizes import size, tried

PAGE = b"<html><head><title>Welcome to the hotel</title></head><body>Please sign in</body></html>"
DEADLINE = datetime(2026, 11, 20, 20, tzinfo=timezone.utc)
Spoil = Callable[[int, bytes], tuple[int, bytes]]


@pytest.fixture(autouse=True)
def botocore_pauses_for_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda seconds: None))


def quiet(line: str) -> None:
    pass


class Line:
    """What comes over the line instead: answers to *operation*, the first *times* of them, go through *spoil*."""

    def __init__(self, session: Session) -> None:
        self._operation, self._spoil, self._left = "", lambda status, body: (status, body), 0
        self.asked: list[str] = []
        session.events.unregister("before-send", botocore_stubber)  # it is asked from here, and else would act twice
        session.events.register("before-send", self._answer)

    def spoils(self, operation: str, spoil: Spoil, times: int = 10_000) -> None:
        self._operation, self._spoil, self._left = operation, spoil, times

    def _answer(self, event_name: str, request: Any, **_: Any) -> Any:
        operation = event_name.rpartition(".")[2]
        self.asked.append(operation)
        answer = botocore_stubber(event_name, request)
        if operation != self._operation or self._left == 0:
            return answer
        self._left -= 1
        status, body = self._spoil(answer.status_code, answer.content)
        return AWSResponse(request.url, status, answer.headers, MockRawResponse(body))


@pytest.fixture
def line(aws: Session) -> Line:
    return Line(aws)


def page(status: int, body: bytes) -> tuple[int, bytes]:
    return 200, PAGE


def nothing(status: int, body: bytes) -> tuple[int, bytes]:
    return 200, b""


def half(status: int, body: bytes) -> tuple[int, bytes]:
    return status, body[: len(body) // 2]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (page, "a web page, status 200"),
        (nothing, "an empty answer, status 200"),
        (half, "an answer that is cut or garbled, status 200"),
        (lambda status, body: (403, PAGE), "a web page, status 403"),
        (lambda status, body: (302, b""), "an empty answer, status 302"),
    ],
)
def test_an_answer_that_is_none_is_said_with_the_next_step(aws: Session, line: Line, spoil: Spoil, said: str) -> None:
    line.spoils("DescribeInstances", spoil)

    with pytest.raises(AwsFailed) as raised:
        find(aws, NAME)

    assert str(raised.value) == (
        f"Cannot look for the instance of rig: what came back is not what AWS says ({said})\n"
        "  -> a network that wants you to sign in first, or a proxy, may have answered in its place: look into your "
        "browser\n"
        "  -> then run the command again; it finds what this one has begun"
    )


@pytest.mark.parametrize("operation", ["DescribeInstances", "GetParameters", "GetCallerIdentity"])
@pytest.mark.parametrize("spoil", [page, nothing, half])
def test_it_is_asked_again_first_whatever_language_the_service_speaks(
    aws: Session, line: Line, operation: str, spoil: Spoil
) -> None:
    line.spoils(operation, spoil, times=2)
    ask = {
        "DescribeInstances": lambda: aws.client("ec2").describe_instances(),
        "GetParameters": lambda: aws.client("ssm").get_parameters(Names=["a"]),
        "GetCallerIdentity": lambda: aws.client("sts").get_caller_identity(),
    }[operation]

    assert ask()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert line.asked == [operation] * 3


@pytest.mark.parametrize("spoil", [page, lambda status, body: (502, PAGE), lambda status, body: (500, b"")])
@pytest.mark.parametrize("operation", ["RunInstances", "StartInstances"])
def test_one_bad_gateway_ends_neither_launch_nor_start(strict_moto: None, operation: str, spoil: Spoil) -> None:
    """Nobody knows whether EC2 heard it: the same question again, under the same token, makes nothing twice."""
    with mock_aws():
        aws, clock, line = pretend_account()
        if operation == "StartInstances":
            stopped(aws, clock)
        line.spoils(operation, spoil, times=1)

        launch(aws, clock)

        assert census(aws) == whole()
        assert line.asked.count(operation) == 2


def found(aws: Session) -> Any:
    instance = find(aws, NAME)
    assert instance
    return instance


def paths() -> Iterator[tuple[str, str]]:
    for operation, parts in READ.items():
        for path in parts:
            yield operation, path


def sample(path: str) -> dict[str, Any]:
    """The least that holds *path*."""
    value: Any = "x"
    for part in reversed(path.split(".")):
        value = {part.rstrip("[]+?"): [value] if part.endswith("]") else value}
    assert isinstance(value, dict)
    return value


def without_last(value: Any) -> Any:
    if isinstance(value, list):
        return [without_last(one) for one in value]
    ((name, inner),) = value.items()
    return {} if inner in ("x", ["x"]) else {name: without_last(inner)}


@pytest.mark.parametrize(("operation", "path"), list(paths()))
def test_whatever_the_kit_reads_is_missed_when_it_is_not_there(
    monkeypatch: pytest.MonkeyPatch, operation: str, path: str
) -> None:
    monkeypatch.setitem(READ, operation, (path,))
    require(operation, None, sample(path))

    if "?" not in path.split(".")[-1]:
        with pytest.raises(NoAnswer, match=f"^{operation} without {re.escape(path)}$"):
            require(operation, None, without_last(sample(path)))


@pytest.mark.parametrize(
    ("service", "operation", "parsed"),
    [
        ("service-quotas", "GetServiceQuota", {"Quota": {"Value": float("nan")}}),
        ("cloudwatch", "GetMetricStatistics", {"Datapoints": [{"SampleCount": float("inf")}]}),
        ("ec2", "DescribeInstances", {"Reservations": [{"Instances": [{"LaunchTime": datetime(1, 1, 1)}]}]}),
    ],
)
def test_a_number_or_a_time_beyond_all_measure_is_none(aws: Session, service: str, operation: str, parsed: Any) -> None:
    shape = aws.client(service).meta.service_model.operation_model(operation).output_shape

    with pytest.raises(NoAnswer, match=r"is no (double|timestamp)$"):
        require(operation, shape, parsed)


def test_what_the_kit_reads_are_members_that_aws_has(aws: Session) -> None:
    """A misspelt path would find fault with every answer, or with none."""
    services = ("ec2", "ssm", "service-quotas", "pricing", "cloudwatch", "scheduler", "sts", "iam", "ecr")
    models = [aws.client(service).meta.service_model for service in services]
    for operation, path in paths():
        model = next(model for model in models if operation in model.operation_names)
        shape = model.operation_model(operation).output_shape
        for part in path.split("."):
            shape = shape.members[part.rstrip("[]+?")]
            shape = shape.member if part.endswith("]") else shape


def stopped(aws: Session, clock: Clock) -> None:
    launch(aws, clock)
    lifecycle.stop(Account(aws, quiet, clock), found(aws))


def ignore(aws: Session, clock: Clock) -> None:
    pass


def is_whole(state: str) -> Callable[[Session], bool]:
    return lambda aws: census(aws) == whole(state)


def costs_nothing(aws: Session) -> bool:
    """Key pair and group are free, and known by what AWS calls them alone."""
    left = census(aws)
    return (left.instances, left.volumes) == ((), 0)


def anything(aws: Session) -> bool:
    return True


# By command: what is there before, what is done, and what is true of the account when that says done.
DEEDS: dict[str, tuple[Callable[..., Any], Callable[[Session, Clock], Any], Callable[[Session], bool]]] = {
    "doctor": (ignore, lambda aws, clock: examine(aws, Settings(spot=True), tell=quiet), anything),
    "launch": (ignore, launch, is_whole("running")),
    "start": (stopped, launch, is_whole("running")),
    "stop": (launch, lambda aws, clock: lifecycle.stop(Account(aws, quiet, clock), found(aws)), is_whole("stopped")),
    "terminate": (launch, lambda aws, clock: end_rig(Account(aws, quiet, clock), NAME), costs_nothing),
    "arm": (launch, lambda aws, clock: safeguards.arm(aws, found(aws), DEADLINE), anything),
    "status": (
        launch,
        lambda aws, clock: (list_instances(aws, NAME), safeguards.read_safeguards(aws, found(aws))),
        anything,
    ),
    "extend": (launch, lambda aws, clock: safeguards.extend(aws, found(aws), DEADLINE + timedelta(hours=2)), anything),
    "cost": (launch, lambda aws, clock: instance_costs(aws), anything),
    "sweep": (launch, lambda aws, clock: sweep.find(aws, regions=[REGION]), anything),
}
LEAF = re.compile(rb"<(\w+)>[^<]*</\1>|<\w+ ?/>")
JUNK = (b"", b"abc", b"-1", b"0", b"9" * 30, b"\xff\xfe", b"&#27;]52;c;x&#7;", b"i-0abc -oProxyCommand=x")
VALUES: tuple[Any, ...] = (None, "", "abc", -1, 0, 1e308, [], {}, [None], True, "\x1b]52;c;x\x07")


@st.composite
def spoilers(draw: st.DrawFn) -> Spoil:
    kind = draw(st.sampled_from(["page", "nothing", "cut", "leaf", "leaf", "leaf", "bytes"]))
    share = draw(st.floats(0, 1, exclude_max=True))
    junk, value = draw(st.sampled_from([b"<gone/>", *JUNK])), draw(st.sampled_from(VALUES))

    def spoil(status: int, body: bytes) -> tuple[int, bytes]:
        at = int(share * len(body))
        if kind in ("page", "nothing"):
            return (page if kind == "page" else nothing)(status, body)
        if kind == "cut":
            return status, body[:at]
        if kind == "bytes":
            return status, body[:at] + junk + body[at + 1 :]
        return status, (spoil_json if body[:1] == b"{" else spoil_xml)(body, share, junk, value)

    return spoil


def spoil_xml(body: bytes, share: float, junk: bytes, value: Any) -> bytes:
    leaves = list(LEAF.finditer(body))
    if not leaves:
        return body
    leaf = leaves[int(share * len(leaves))]
    name = leaf[1] or b"x"
    instead = b"" if junk == b"<gone/>" else b"<" + name + b">" + junk + b"</" + name + b">"
    return body[: leaf.start()] + instead + body[leaf.end() :]


def spoil_json(body: bytes, share: float, junk: bytes, value: Any) -> bytes:
    loaded = json.loads(body)
    places = list(_places(loaded))
    if places:
        holder, key = places[int(share * len(places))]
        if junk == b"<gone/>":
            del holder[key]
        else:
            holder[key] = value
    return json.dumps(loaded).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


@settings(
    max_examples=size(12, 300),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    deed=st.sampled_from(sorted(DEEDS)), which=st.floats(0, 1, exclude_max=True), spoil=spoilers(), once=st.booleans()
)
def test_a_verb_ends_in_a_sentence_or_in_what_it_was_asked_for(
    strict_moto: None, deed: str, which: float, spoil: Spoil, once: bool
) -> None:
    tried()
    before, do, is_true = DEEDS[deed]
    operations = operations_of(deed)
    with mock_aws():
        aws, clock, line = pretend_account()
        before(aws, clock)
        line.spoils(operations[int(which * len(operations))], spoil, times=1 if once else 10_000)
        done = False
        with suppress(RigError):
            do(aws, clock)
            done = True
        line.spoils("", spoil)

        assert not done or is_true(aws)


def pretend_account() -> tuple[Session, Clock, Line]:
    aws = Session(region=REGION)
    quotas(aws, {"L-DB2E81BA": 64, "L-3819A6DF": 64})
    line = Line(aws)
    return aws, pretend_clock(), line


_operations: dict[str, list[str]] = {}


def operations_of(deed: str) -> list[str]:
    """What *deed* asks of AWS when all goes well."""
    if deed not in _operations:
        before, do, _ = DEEDS[deed]
        with mock_aws():
            aws, clock, line = pretend_account()
            before(aws, clock)
            line.asked.clear()
            do(aws, clock)
            _operations[deed] = sorted(set(line.asked))
    return _operations[deed]


def test_a_refusal_of_a_strange_form_is_a_sentence_too(aws: Session, line: Line) -> None:
    line.spoils("DescribeInstances", lambda status, body: (400, b"<Response><Errors/></Response>"))

    with pytest.raises(AwsFailed) as raised:
        find(aws, NAME)

    assert raised.value.code == "NoAnswer"


def test_after_some_silence_it_is_said_what_is_waited_for_and_once_for_all_threads() -> None:
    said: list[str] = []
    heard = threading.Event()

    def tell(line: str) -> None:
        said.append(line)
        heard.set()

    waiting = Waiting(tell, first_s=0.02, then_s=60)
    with waiting.on("find the rig"), waiting.on("find the rig"):
        assert heard.wait(30)

    assert said == ["AWS has not answered for 0 s; still trying to find the rig"]


def test_a_quick_answer_is_no_reason_to_speak() -> None:
    said: list[str] = []
    waiting = Waiting(said.append, first_s=60, then_s=60)
    with waiting.on("find the rig"):
        pass

    assert said == []
