"""The spoilt answers of test_responses.py, many times over: replayed from what AWS said once, with no account behind.

A case takes milliseconds so. In turn nothing can be said of the account afterwards: only that a command ends, in a
sentence or in what it was asked for.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from infra.aws.client.session import Session
from infra.errors import RigError
from tests.aws.client.test_responses import DEEDS, Spoil, spoilers
from tests.aws.conftest import REGION, moto_as_strict_as_ec2, pretend_clock
from tests.aws.responses import quotas
from tests.sizes import size, tried

MOST_QUESTIONS = 2_000
Answer = tuple[int, Any, bytes]


class Replay:
    """AWS as a tape: what it answered to each operation of *deed*, in that order, and the last of it ever after."""

    def __init__(self, deed: str) -> None:
        before, self._do, _ = DEEDS[deed]
        self._tape, self._said = defaultdict[str, list[Answer]](list), dict[str, list[Answer]]()
        self._spoilt, self._spoil, self._times, self._asked = "", unspoilt, 0, 0
        self._recording = True
        self._aws = Session(region=REGION)
        quotas(self._aws, {"L-DB2E81BA": 64, "L-3819A6DF": 64})
        self._aws.events.unregister("before-send", botocore_stubber)
        self._aws.events.register("before-send", self._answer)
        with mock_aws():
            before(self._aws, pretend_clock())
            self._tape.clear()
            self._do(self._aws, pretend_clock())
        self._recording = False
        self.operations = sorted(self._tape)

    def play(self, operation: str, spoil: Spoil, times: int) -> None:
        """Do it with the first *times* answers to *operation* spoilt."""
        self._said = {name: list(answers) for name, answers in self._tape.items()}
        self._spoilt, self._spoil, self._times, self._asked = operation, spoil, times, 0
        with suppress(RigError):
            self._do(self._aws, pretend_clock())

    def _answer(self, event_name: str, request: Any, **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        status, headers, body = self._recorded(operation, event_name, request)
        if operation == self._spoilt and self._times:
            self._times -= 1
            status, body = self._spoil(status, body)
        return AWSResponse(request.url, status, headers, MockRawResponse(body))

    def _recorded(self, operation: str, event_name: str, request: Any) -> Answer:
        if self._recording:
            answer = botocore_stubber(event_name, request)
            self._tape[operation].append((answer.status_code, answer.headers, answer.content))
            return self._tape[operation][-1]
        self._asked += 1
        assert self._asked < MOST_QUESTIONS, f"asks for ever: {operation}"
        left = self._said.get(operation, [])
        if not left:  # asked only because something went wrong: a refusal as good as any
            return 400, {}, b"<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>"
        return left.pop(0) if len(left) > 1 else left[0]


def unspoilt(status: int, body: bytes) -> tuple[int, bytes]:
    return status, body


@pytest.fixture(scope="module")
def replays() -> dict[str, Replay]:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "testing")
        moto_as_strict_as_ec2(patched)
        return {deed: Replay(deed) for deed in DEEDS}


@settings(
    max_examples=size(60, 6_000),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    deed=st.sampled_from(sorted(DEEDS)), which=st.floats(0, 1, exclude_max=True), spoil=spoilers(),
    times=st.sampled_from([1, 2, 10_000]),
)  # fmt: skip
def test_whatever_comes_back_a_command_ends_in_a_sentence_or_in_what_it_was_asked_for(
    replays: dict[str, Replay], deed: str, which: float, spoil: Spoil, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried()
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    replay = replays[deed]

    replay.play(replay.operations[int(which * len(replay.operations))], spoil, times)
