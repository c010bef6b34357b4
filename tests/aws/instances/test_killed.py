"""SIGKILL and Ctrl-C at every single AWS call of launch, start, stop, terminate, extend and setup-guard."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from infra.aws.access.security_group import find_group
from infra.aws.account.teardown import end_rig
from infra.aws.autostop import safeguards, schedule
from infra.aws.client.account import Account
from infra.aws.instances.instance import find, list_instances
from infra.aws.instances.launch_request import Attempt, run_instances_words
from infra.aws.instances.lifecycle import stop
from infra.errors import NothingToDo
from infra.guard.safeguard import GUARD, SCHEDULE
from tests.aws import samples
from tests.aws.pretend_account import moto_instance
from tests.aws.samples import KEY, MICRO, NAME, NOTHING, Killed, Reaper, census, forget_ended, launch_request, whole
from tests.sizes import tried

DEADLINE = datetime(2026, 11, 20, 22, tzinfo=timezone.utc)


def every_death(
    reaper: Reaper, verb: Callable[[], object], again: Callable[[], None], death: Any = Killed
) -> list[str]:
    """Run *verb* once for each of its calls, and die there before or after it takes effect; then run *again*.

    Answer the calls of the last run, which lived through all of them.
    """
    for after in (False, True):
        for at in itertools.count(1):
            with reaper.strike(at, after=after, death=death):
                verb()
            again()
            forget_ended()
            if not reaper.dead:
                break
            tried()
    return reaper.calls


def calmly(verb: Callable[[], object]) -> None:
    with suppress(NothingToDo):
        verb()


def quiet(line: str) -> None:
    pass


# The calls of each verb. One death before and one after each: 60 by SIGKILL, and for the first two 38 by Ctrl-C.
LAUNCH = [
    *("DescribeInstances", "DescribeSecurityGroups", "DescribeKeyPairs", "DescribeSubnets", "GetParameters"),
    *("DescribeImages", "ImportKeyPair", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress"),
    *("RunInstances", "DescribeInstances"),
]
START = [
    *("DescribeInstances", "DescribeSecurityGroups", "DescribeKeyPairs", "DescribeSubnets", "GetParameters"),
    *("CreateTags", "StartInstances", "DescribeInstances"),
]
STOP = ["DescribeInstances", "StopInstances", "DescribeInstances"]
TERMINATE = [
    *("DescribeInstances", "DescribeSecurityGroups", "DescribeKeyPairs"),
    *("TerminateInstances", "DescribeInstances", "DescribeSecurityGroups", "DeleteSecurityGroup", "DeleteKeyPair"),
]


def test_a_launch_killed_at_any_call_ends_in_one_rig_when_run_again(aws, clock, reaper):
    deadlines = (f"2026-11-20T20:{number // 60:02}:{number % 60:02}Z" for number in itertools.count())

    def verb() -> None:
        samples.launch(aws, clock, deadline=next(deadlines))

    def again() -> None:
        verb()
        assert census(aws) == whole()
        end_rig(Account(aws, quiet, clock), NAME)
        assert census(aws) == NOTHING

    assert sorted(every_death(reaper, verb, again)) == sorted(LAUNCH)


def test_a_start_killed_at_any_call_ends_in_one_rig_when_run_again(aws, clock, reaper):
    stop(Account(aws, quiet, clock), samples.launch(aws, clock))

    def again() -> None:
        samples.launch(aws, clock)
        assert census(aws) == whole()
        stop(Account(aws, quiet, clock), find(aws, NAME))

    assert sorted(every_death(reaper, lambda: samples.launch(aws, clock), again)) == sorted(START)


def test_a_stop_killed_at_any_call_ends_in_a_stopped_rig_when_run_again(aws, clock, reaper):
    samples.launch(aws, clock)

    def verb() -> None:
        stop(Account(aws, quiet, clock), find(aws, NAME))

    def again() -> None:
        calmly(verb)
        assert census(aws) == whole("stopped")
        samples.launch(aws, clock)

    assert every_death(reaper, verb, again) == STOP


def test_a_terminate_killed_at_any_call_leaves_nothing_when_run_again(aws, clock, reaper):
    samples.launch(aws, clock)

    def verb() -> None:
        end_rig(Account(aws, quiet, clock), NAME)

    def again() -> None:
        calmly(verb)
        assert census(aws) == NOTHING
        samples.launch(aws, clock)

    assert sorted(every_death(reaper, verb, again)) == sorted(TERMINATE)


def test_an_extend_killed_at_any_call_has_moved_every_guard_when_run_again(aws, clock, reaper):
    schedule.setup_guard(aws)
    samples.launch(aws, clock)
    hours = itertools.count(2)
    wanted = DEADLINE

    def verb() -> None:
        safeguards.extend(aws, find(aws, NAME), wanted)

    def again() -> None:
        nonlocal wanted
        told = {one.number: one.fires_at for one in safeguards.read_safeguards(aws, find(aws, NAME)) if one.fires_at}
        assert told[GUARD] in (wanted, before_it), "the tag alone is what the guard reads"
        verb()
        told = {one.number: one.fires_at for one in safeguards.read_safeguards(aws, find(aws, NAME)) if one.fires_at}
        assert told == {GUARD: wanted, SCHEDULE: schedule.fires_at(wanted)}
        remember()

    def remember() -> None:
        nonlocal wanted, before_it
        before_it, wanted = wanted, DEADLINE + timedelta(hours=next(hours))

    before_it = DEADLINE
    safeguards.extend(aws, find(aws, NAME), before_it)
    remember()

    calls = every_death(reaper, verb, again)

    assert calls[:2] == ["DescribeInstances", "CreateTags"]


def test_a_setup_guard_killed_at_any_call_is_finished_by_the_next(aws, reaper):
    def again() -> None:
        made = schedule.setup_guard(aws)
        assert schedule._role_arn(aws) == made.arn
        schedule.remove_role(aws)

    assert every_death(reaper, lambda: schedule.setup_guard(aws), again)


def test_ctrl_c_at_any_call_of_a_launch_leaves_nothing(aws, clock, reaper):
    """Nothing is run again here: the dying command takes back what it began, even what it was not told it began."""

    def again() -> None:
        assert census(aws) == (whole() if reaper.survived else NOTHING)
        calmly(lambda: end_rig(Account(aws, quiet, clock), NAME))

    calls = every_death(reaper, lambda: samples.launch(aws, clock), again, KeyboardInterrupt)

    assert sorted(calls) == sorted(LAUNCH)


def test_ctrl_c_at_any_call_of_a_start_leaves_the_rig_stopped(aws, clock, reaper):
    stop(Account(aws, quiet, clock), samples.launch(aws, clock))

    def again() -> None:
        assert census(aws) == whole("running" if reaper.survived else "stopped")
        calmly(lambda: stop(Account(aws, quiet, clock), find(aws, NAME)))

    calls = every_death(reaper, lambda: samples.launch(aws, clock), again, KeyboardInterrupt)

    assert sorted(calls) == sorted(START)


@pytest.mark.parametrize("deadline", ["2026-11-20T20:00:00Z", "2026-11-20T20:00:07Z"], ids=["same words", "later"])
def test_an_instance_that_ec2_does_not_show_yet_is_found_by_its_token(aws, clock, reaper, deadline):
    """Killed after RunInstances, run again at once: EC2 shows the new instance only at the fourth look."""
    with reaper.strike(LAUNCH.index("RunInstances") + 1, after=True):
        samples.launch(aws, clock, deadline="2026-11-20T20:00:00Z")
    hidden = iter(range(3))

    def hide(parsed: dict[str, Any], **_: Any) -> None:
        if next(hidden, None) is not None:
            parsed["Reservations"] = []

    aws.client("ec2").meta.events.register("after-call.ec2.DescribeInstances", hide)

    samples.launch(aws, clock, deadline=deadline)

    assert next(hidden, None) is None
    assert [one.state for one in list_instances(aws, NAME)] == ["running"], "not even for a moment were there two"


def test_two_launches_at_the_same_moment_keep_the_older_instance(aws, clock, said, tell):
    """The other laptop's instance shows only after we made ours; both elect the same, and the loser goes."""
    older = []

    def other_laptop(model: Any, **_: Any) -> None:
        if model.name == "RunInstances" and not older:
            older.append("")
            theirs = launch_request(group_id=find_group(aws, NAME).id, key_name=KEY.pair_name(NAME))
            made = aws.client("ec2").run_instances(**run_instances_words(theirs, Attempt(MICRO), "theirs"))
            older[0] = made["Instances"][0]["InstanceId"]
            moto_instance(older[0]).launch_time -= timedelta(seconds=1)

    aws.client("ec2", patient=False).meta.events.register("before-call", other_laptop)

    kept = samples.launch(aws, clock, tell=tell)

    assert (kept.id, kept.state) == (older[0], "running")
    assert census(aws).instances == ("running",)
    assert f"Another launch made {kept.id} a moment earlier: keeping that one" in said
