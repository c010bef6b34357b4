from __future__ import annotations

from typing import Any

import pytest
from moto.ec2.models.instances import StateReason

from infra.aws.client.account import Account
from infra.aws.instances.instance import find
from infra.aws.instances.lifecycle import LIMITS_S, start, stop, terminate, wait
from infra.errors import AwsFailed, NoCapacity, NothingToDo, UserError
from infra.names import DEADLINE_TAG, NAME_TAG, OWNER_TAG
from tests.aws import samples
from tests.aws.pretend_account import moto_instance

TAGS = {DEADLINE_TAG: "2026-11-21T08:00:00Z"}


@pytest.fixture
def rig(aws, clock):
    return samples.launch(aws, clock)


def put(instance, code: int, state: str, reason: str = "") -> None:
    """Into a state that takes time on EC2; moto has none of those."""
    moto = moto_instance(instance.id)
    moto._state.code, moto._state.name = code, state
    moto.state_reason = StateReason(reason, reason)


def pass_through(aws, instance, *states: tuple[Any, ...]) -> None:
    """Each look finds *instance* one state further; it stays in the last."""
    left = list(states)

    def move(**_: Any) -> None:
        if left:
            put(instance, *left.pop(0))

    aws.client("ec2").meta.events.register("before-call.ec2.DescribeInstances", move)


def test_stopping_waits_until_stopped_and_says_each_state(aws, clock, rig, said, tell):
    def slowly(**_: Any) -> None:
        pass_through(aws, rig, (64, "stopping"), (64, "stopping"), (80, "stopped"))

    aws.client("ec2").meta.events.register("after-call.ec2.StopInstances", slowly)

    assert stop(Account(aws, tell, clock), rig).state == "stopped"
    assert said == [f"Stopping {rig.id}", f"{rig.id} is stopping (0 s)", f"{rig.id} is stopped (2 s)"]


def test_stopping_twice_is_nothing_to_do(aws, clock, rig, tell):
    stopped = stop(Account(aws, tell, clock), rig)

    with pytest.raises(NothingToDo, match=r"rig \(i-\w+\) is already stopped"):
        stop(Account(aws, tell, clock), stopped)


def test_a_pending_instance_is_stopped_once_it_runs(aws, clock, rig, tell, calls):
    put(rig, 0, "pending")
    pending = find(aws, "rig")
    pass_through(aws, rig, (0, "pending"), (16, "running"))
    calls.clear()

    assert stop(Account(aws, tell, clock), pending).state == "stopped"
    assert calls == ["ec2:DescribeInstances", "ec2:DescribeInstances", "ec2:StopInstances", "ec2:DescribeInstances"]


def test_an_instance_that_is_stopping_already_is_only_waited_for(aws, clock, rig, tell, calls):
    put(rig, 64, "stopping")
    stopping = find(aws, "rig")
    pass_through(aws, rig, (80, "stopped"))

    assert stop(Account(aws, tell, clock), stopping).state == "stopped"
    assert "ec2:StopInstances" not in calls


def test_a_spot_instance_is_not_stopped_but_told_how_to_end(aws, clock, tell, calls):
    spot = samples.launch(aws, clock, offers=(samples.offer("t3.micro", spot=True),))

    with pytest.raises(UserError) as raised:
        stop(Account(aws, tell, clock), spot)

    assert str(raised.value) == (
        f"rig ({spot.id}) is a one-time spot instance: EC2 cannot stop it, only end it\n"
        "  -> `rig pull` brings the results home, then `rig terminate` ends it, disk and all"
    )
    assert "ec2:StopInstances" not in calls


def test_the_deadline_is_written_before_the_start(aws, clock, rig, tell, calls):
    """The guard reads it while booting."""
    stopped = stop(Account(aws, tell, clock), rig)
    calls.clear()

    running = start(Account(aws, tell, clock), stopped, TAGS)

    assert calls == ["ec2:CreateTags", "ec2:StartInstances", "ec2:DescribeInstances"]
    assert (running.state, running.tags[DEADLINE_TAG]) == ("running", TAGS[DEADLINE_TAG])


def test_starting_twice_is_nothing_to_do(aws, clock, rig, tell):
    with pytest.raises(NothingToDo, match=r"rig \(i-\w+\) is already running"):
        start(Account(aws, tell, clock), rig, TAGS)


def test_a_terminated_instance_cannot_be_started(aws, clock, rig, tell, calls):
    gone = terminate(Account(aws, tell, clock), rig)
    calls.clear()

    with pytest.raises(UserError, match=r"rig \(i-\w+\) is terminated and cannot come back"):
        start(Account(aws, tell, clock), gone, TAGS)
    assert calls == []


def test_terminating_twice_is_nothing_to_do(aws, clock, rig, tell):
    gone = terminate(Account(aws, tell, clock), rig)

    with pytest.raises(NothingToDo, match=r"rig \(i-\w+\) is already terminated"):
        terminate(Account(aws, tell, clock), gone)


@pytest.mark.parametrize("when", ["at once", "while starting"])
def test_a_start_refused_for_capacity_gets_its_own_advice(aws, clock, rig, tell, answer, when):
    stopped = stop(Account(aws, tell, clock), rig)
    if when == "at once":
        answer(aws, "ec2", "StartInstances", code="InsufficientInstanceCapacity")
    else:
        reason = "Server.InsufficientInstanceCapacity: Insufficient capacity"
        pass_through(aws, rig, (0, "pending"), *[(80, "stopped", reason)] * 9)

    with pytest.raises(NoCapacity) as raised:
        start(Account(aws, tell, clock), stopped, TAGS)

    assert str(raised.value) == (
        f"Cannot start {rig.id}: AWS has no free t3.micro in us-east-1a now, "
        "and a stopped instance can start in its own zone only\n"
        "  -> try again in some minutes, or let the kit go on asking: WAIT_MINUTES=30\n"
        f"  -> another type on the same disk: `aws ec2 modify-instance-attribute --instance-id {rig.id} "
        "--instance-type Value=g6.xlarge`\n"
        "  -> another zone: `rig bake` keeps the disk as an image, then `rig terminate` and `rig launch`\n"
        "  -> it is stopped: only its disk costs money"
    )


def test_a_stale_answer_right_after_the_start_is_borne(aws, clock, rig, tell):
    """EC2 may say "stopped" for some seconds more."""
    stopped = stop(Account(aws, tell, clock), rig)
    stale = {"State": {"Name": "stopped"}}
    looks = iter([stale, stale, stale])

    def lag(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Reservations"][0]["Instances"][0].update(next(looks, {}))

    aws.client("ec2").meta.events.register("after-call.ec2.DescribeInstances", lag)

    assert start(Account(aws, tell, clock), stopped, TAGS).state == "running"
    assert clock.now() == 3.5


def test_running_without_an_address_is_not_there_yet(aws, clock, rig, tell):
    looks = iter([{"PublicIpAddress": ""}])

    def late(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Reservations"][0]["Instances"][0].update(next(looks, {}))

    aws.client("ec2").meta.events.register("after-call.ec2.DescribeInstances", late)

    assert wait(Account(aws, tell, clock), rig, until="running").address == rig.address
    assert clock.now() == 0.5


def test_waiting_ends_with_the_command_that_forces_a_hanging_stop(aws, clock, rig, tell, monkeypatch):
    monkeypatch.setitem(LIMITS_S, "stopped", 60.0)
    put(rig, 64, "stopping")

    with pytest.raises(AwsFailed) as raised:
        wait(Account(aws, tell, clock), rig, until="stopped")

    assert clock.now() == 60.0
    assert str(raised.value) == (
        f"{rig.id} is still stopping and not stopped after 60 s\n"
        "  -> `rig status` shows its state; run the command again to go on waiting\n"
        f"  -> if it hangs: `aws ec2 stop-instances --force --instance-ids {rig.id}`; until it stops, it costs money"
    )


def test_an_instance_that_ec2_forgot_counts_as_terminated(aws, clock, rig, tell):
    aws.client("ec2").delete_tags(Resources=[rig.id], Tags=[{"Key": key} for key in (OWNER_TAG, NAME_TAG)])

    assert wait(Account(aws, tell, clock), rig, until="terminated").state == "terminated"
    with pytest.raises(AwsFailed, match=r"EC2 no longer shows i-\w+"):
        wait(Account(aws, tell, clock), rig, until="running")
