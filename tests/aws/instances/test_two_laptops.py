"""Two laptops, one account: while one is in the middle of a verb, the other runs a whole one of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from infra.aws.account import sweep
from infra.aws.account.teardown import end_rig
from infra.aws.autostop import safeguards
from infra.aws.client.account import Account
from infra.aws.client.polling import Clock
from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, find
from infra.aws.instances.lifecycle import stop
from infra.errors import NothingToDo, RigError
from tests.aws import samples
from tests.aws.samples import ACCOUNT, NAME, NOTHING, REGION, census
from tests.sizes import ALL, tried

DEADLINE = datetime(2026, 11, 21, tzinfo=timezone.utc)


def quiet(_: str) -> None: ...


def ours(aws: Session) -> Instance:
    found = find(aws, NAME)
    if not found:
        raise NothingToDo("there is none")
    return found


def stop_it(aws: Session, clock: Clock, deadline: str) -> None:
    stop(Account(aws, quiet, clock), ours(aws))


def terminate(aws: Session, clock: Clock, deadline: str) -> None:
    end_rig(Account(aws, quiet, clock), NAME)


def extend(aws: Session, clock: Clock, deadline: str) -> None:
    safeguards.extend(aws, ours(aws), DEADLINE + timedelta(hours=2))


def sweep_all(aws: Session, clock: Clock, deadline: str) -> None:
    sweep.remove(Account(aws, quiet, clock), sweep.find(aws, regions=[REGION]).resources)


def nothing(aws: Session, clock: Clock, deadline: str) -> None: ...


def launch(aws: Session, clock: Clock, deadline: str) -> None:
    samples.launch(aws, clock, deadline=deadline)


def stopped(aws: Session, clock: Clock, deadline: str) -> None:
    launch(aws, clock, deadline)
    stop_it(aws, clock, deadline)


Verb = Callable[[Session, Clock, str], None]
VERBS: dict[str, Verb] = {
    "launch": launch, "stop": stop_it, "terminate": terminate, "extend": extend, "sweep": sweep_all,
}  # fmt: skip
BEFORE: dict[str, Verb] = {"nothing": nothing, "running": launch, "stopped": stopped}
PAIRS = list(itertools.product(BEFORE, VERBS, VERBS))
SAMPLE = [("nothing", "launch", "launch"), ("running", "stop", "terminate"), ("stopped", "launch", "sweep")]


class Interruption:
    """Before the *at*-th call of one laptop's session the other laptop does what it does."""

    def __init__(self, aws: Session) -> None:
        self.calls: list[str] = []
        self._at, self._other = 0, lambda: None
        aws.events.register_first("before-call", self._look)

    def set(self, at: int, other: Callable[[], None]) -> None:
        self.calls, self._at, self._other = [], at, other

    def _look(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if len(self.calls) == self._at:
            self._other()


def a_second_passes() -> None:
    """EC2 tells when an instance was launched to the second, and nobody's whole verb is through within one."""
    for reservation in ec2_backends[ACCOUNT][REGION].reservations.values():
        for instance in reservation.instances:
            instance.launch_time -= timedelta(seconds=1)


def living(aws: Session) -> list[str]:
    return [state for state in census(aws).instances if state != "shutting-down"]


@pytest.mark.parametrize(("state", "mine", "theirs"), PAIRS if ALL else SAMPLE)
def test_one_verb_in_the_middle_of_another_leaves_one_rig_at_most_and_no_orphan(
    aws: Session, clock: Clock, state: str, mine: str, theirs: str
) -> None:
    here, there = Session(region=REGION), Session(region=REGION)
    interruption = Interruption(here)

    def other() -> None:
        with suppress(RigError):
            VERBS[theirs](there, clock, "2026-11-20T20:00:07Z")
        a_second_passes()

    for at in itertools.count(1, 1 if ALL else 6):
        BEFORE[state](aws, clock, "2026-11-20T19:00:00Z")
        interruption.set(at, other)
        with suppress(RigError):  # a sentence is a right end, too
            VERBS[mine](here, clock, "2026-11-20T20:00:00Z")
        calls = len(interruption.calls)

        assert len(living(aws)) <= 1, interruption.calls
        with suppress(NothingToDo):
            terminate(aws, clock, "")
        assert census(aws) == NOTHING, interruption.calls
        ec2_backends[ACCOUNT][REGION].reservations.clear()
        if calls < at:
            return
        tried()
