"""Nothing stands before the money: whatever goes wrong while results come home, the machine is stopped, then told of.

The story's own stop, terminate and AFTER=, against moto; what happens on the way home is put in its place.
"""

from __future__ import annotations

import dataclasses
import errno
import gzip
import json
import os
import signal
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from moto.cloudwatch.models import cloudwatch_backends
from moto.scheduler.models import scheduler_backends

from infra import budget
from infra.aws.account.discovery import Existing
from infra.aws.autostop import alarms, schedule
from infra.aws.client.tags import as_tags, own_tags
from infra.aws.instances.instance import Instance, find, list_instances
from infra.errors import ArtifactsMissing, HostUnreachable, JobFailed, NothingToDo, RigError, UserError, WorldError
from infra.names import DEADLINE_TAG
from infra.settings import Settings
from infra.workflows import launch, stop
from infra.workflows.context import Rig
from infra.workflows.plan import Plan
from tests.aws import samples
from tests.aws.pretend_account import REGION, moto_instance
from tests.aws.samples import ACCOUNT, NAME, NOTHING, census, whole

TROUBLES = {
    "the laptop's disk is full": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/x/best.params"),
    "runs is a file": FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), "runs"),
    "runs/latest is a folder": IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), "runs/latest"),
    "a name is too long": OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), "n" * 255),
    "nobody reads what is told": BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)),
    "bytes that are no text": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "the host does not answer": HostUnreachable("No answer.", "`rig status`"),
    "a file differs": ArtifactsMissing("runs/x is not whole.", "move it away"),
    "the user can fix it": UserError("The folder is open to others.", "rm it"),
    "nothing to do": NothingToDo("There is no run."),
    "a fault of ours": KeyError("runs"),
    "no memory": MemoryError(),
    "endless recursion": RecursionError("maximum recursion depth exceeded"),
    "a program asks to end": SystemExit(3),
}


@pytest.fixture
def rig(aws, tell, clock, tmp_path: Path) -> Rig:
    samples.launch(aws, clock)
    return Rig(settings=Settings(after="stop"), session=aws, project=tmp_path, tell=tell)


def meets(monkeypatch: pytest.MonkeyPatch, trouble: BaseException) -> None:
    def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(stop, "bring_all_home", fail)


COMMANDS = {
    "stop": stop.stop,
    "terminate": lambda rig: stop.terminate(rig, lose_results=False),
    "AFTER=stop": lambda rig: stop.end_as_wished(wishing(rig, "stop"), "a run"),
    "AFTER=terminate": lambda rig: stop.end_as_wished(wishing(rig, "terminate"), "a run"),
}


def wishing(rig: Rig, after: str) -> Rig:
    return dataclasses.replace(rig, settings=Settings(after=after))


@pytest.mark.parametrize("command", COMMANDS)
def test_whatever_goes_wrong_the_machine_stops_it_is_said_and_nothing_is_deleted(rig, monkeypatch, said, command):
    ec2, instance = rig.session.client("ec2"), find(rig.session, NAME)
    for name, trouble in TROUBLES.items():
        meets(monkeypatch, trouble)

        with pytest.raises(WorldError) as raised:
            COMMANDS[command](rig)

        assert census(rig.session) == whole("stopped"), name
        assert "`rig start`, then `rig pull`" in raised.value.hint
        assert said[1].startswith("Not everything is home: "), "behind the question what is not home yet"
        assert f"Stopping {instance.id}" in said
        said.clear()
        ec2.start_instances(InstanceIds=[instance.id])


def test_whatever_meets_the_question_what_still_runs_there_the_machine_stops(rig, monkeypatch):
    ec2, instance = rig.session.client("ec2"), find(rig.session, NAME)
    monkeypatch.setattr(stop, "bring_all_home", lambda *_: None)
    monkeypatch.setattr(stop, "pinned_key", lambda *_: "ssh-ed25519 AAAA")
    for name, trouble in {**TROUBLES, "Ctrl-C": KeyboardInterrupt()}.items():
        monkeypatch.setattr(stop, "open_host", lambda *_, trouble=trouble: raise_(trouble))
        stop.end_as_wished(wishing(rig, "stop"), "a run")

        assert census(rig.session) == whole("stopped"), name
        ec2.start_instances(InstanceIds=[instance.id])


def raise_(trouble: BaseException) -> None:
    raise trouble


@pytest.mark.parametrize("error", [JobFailed("Run x failed."), OSError(errno.ENOSPC, "No space left"), KeyError("x")])
def test_after_stop_is_carried_out_whatever_the_last_screen_meets(rig, monkeypatch, error):
    monkeypatch.setattr(stop, "bring_all_home", lambda *_: None)

    with pytest.raises(WorldError), stop.afterwards(rig, "a run"):
        raise error

    assert census(rig.session) == whole("stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "the computer shuts down"])
def test_ctrl_c_again_and_again_ends_the_wait_for_results_and_never_the_stop(rig, monkeypatch, said, number):
    pressed, before = [], signal.getsignal(number)

    def press(*_: object, **__: object) -> None:
        pressed.append("Ctrl-C")
        os.kill(os.getpid(), number)

    monkeypatch.setattr(stop, "bring_all_home", press)
    rig.session.client("ec2").meta.events.register("before-call.ec2.StopInstances", press)
    rig.session.client("ec2").meta.events.register("after-call.ec2.StopInstances", press)

    with pytest.raises(KeyboardInterrupt):
        stop.stop(rig)

    assert len(pressed) == 3
    assert census(rig.session) == whole("stopped")
    assert "is stopped, but not everything is home" in said[-1]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("command", COMMANDS)
def test_whoever_closes_the_terminal_has_not_taken_back_the_end_of_the_bill(rig, monkeypatch, command):
    """What we start to bring results home, ssh and rsync, is not hung up on either."""
    heard = []

    def hang_up(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        line = ["sh", "-c", "kill -HUP $$; echo still here"]
        heard.append(subprocess.run(line, capture_output=True, text=True).stdout)

    monkeypatch.setattr(stop, "bring_all_home", hang_up)
    monkeypatch.setattr(stop, "_still_going", lambda *_: [])
    events, before = rig.session.client("ec2").meta.events, signal.getsignal(signal.SIGHUP)
    events.register("before-call.ec2.DescribeInstances", hang_up)

    COMMANDS[command](rig)

    events.unregister("before-call.ec2.DescribeInstances", hang_up)
    assert len(heard) > 2
    assert set(heard) == {"still here\n"}
    assert census(rig.session).instances == (("stopped",) if "stop" in command else ())
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_spot_machine_that_cannot_be_stopped_is_not_deleted_with_what_it_holds(rig, monkeypatch):
    moto_instance(find(rig.session, NAME).id).lifecycle = "spot"
    meets(monkeypatch, TROUBLES["a file differs"])

    with pytest.raises(WorldError, match=r"Nothing was deleted, and i-.* runs on until its safeguards end it"):
        stop.terminate(rig, lose_results=False)

    assert census(rig.session) == whole("running")
    stop.terminate(rig, lose_results=True)
    assert census(rig.session) == NOTHING


def test_the_guards_of_a_machine_that_could_not_be_ended_stay(rig, monkeypatch, answer, calls):
    answer(rig.session, "ec2", "TerminateInstances", code="UnauthorizedOperation", times=1)

    with pytest.raises(RigError):
        stop.terminate(rig, lose_results=True)

    assert "cloudwatch:DeleteAlarms" not in calls
    assert "scheduler:DeleteSchedule" not in calls


def test_a_stop_that_was_killed_before_it_took_the_guards_off_is_finished_by_the_next(rig, aws, calls):
    aws.client("ec2").stop_instances(InstanceIds=[find(aws, NAME).id])
    calls.clear()

    with pytest.raises(NothingToDo):
        stop.stop(rig)

    assert {"cloudwatch:DeleteAlarms", "scheduler:DeleteSchedule"} <= set(calls)


def left_of_guards() -> tuple[int, int]:
    """Alarms and schedules, whatever AWS refuses to show."""
    groups = scheduler_backends[ACCOUNT][REGION].schedule_groups.values()
    return len(cloudwatch_backends[ACCOUNT][REGION].alarms), sum(len(group.schedules) for group in groups)


@pytest.mark.parametrize("refused", [None, "cloudwatch:DescribeAlarms", "scheduler:ListSchedules"])
def test_of_the_machines_that_ended_in_the_last_hour_only_those_with_a_guard_left_are_asked_for_again(
    rig, aws, clock, calls, answer, refused
):
    schedule.setup_guard(aws)
    deadline = datetime.now(timezone.utc) + timedelta(hours=1)
    for _ in range(3):
        stop.terminate(rig, lose_results=True)
        samples.launch(aws, clock)
    ended = [one for one in list_instances(aws, NAME) if one.ended]
    alarms.arm(aws, ended[0])  # as killed commands leave them
    schedule.arm(aws, ended[1], deadline)
    if refused:
        answer(aws, *refused.split(":"), code="AccessDenied")
    calls.clear()

    stop.terminate(rig, lose_results=True)

    assert calls.count("cloudwatch:DeleteAlarms") == calls.count("scheduler:DeleteSchedule") == (4 if refused else 2)
    assert left_of_guards() == (0, 0)


@pytest.fixture
def second(rig) -> str:
    """Another machine of the same name, as "launch more like this" of the console makes it."""
    ec2, first = rig.session.client("ec2"), find(rig.session, NAME)
    made = ec2.run_instances(ImageId=first.image_id, InstanceType=first.type, MinCount=1, MaxCount=1)["Instances"]
    ec2.create_tags(Resources=[made[0]["InstanceId"]], Tags=as_tags(own_tags(NAME)))
    return made[0]["InstanceId"]


def state_of(rig: Rig, instance_id: str) -> str:
    return next(one.state for one in list_instances(rig.session, NAME) if one.id == instance_id)


def other_than(rig: Rig, second: str) -> str:
    return next(one.id for one in list_instances(rig.session, NAME) if one.id != second)


def home_unless(monkeypatch: pytest.MonkeyPatch, lost: str) -> list[str]:
    """All comes home but the results of *lost*; the machines that were asked."""
    asked: list[str] = []

    def bring(rig: Rig, instance: Instance) -> list[str]:
        asked.append(instance.id)
        if instance.id == lost:
            raise HostUnreachable("No answer.")
        return []

    monkeypatch.setattr(stop, "bring_all_home", bring)
    return asked


@pytest.mark.parametrize("first_rests", [False, True])
def test_of_two_machines_of_one_name_both_stop_and_both_are_asked_for_their_results(
    rig, second, monkeypatch, said, first_rests
):
    first = other_than(rig, second)
    asked = home_unless(monkeypatch, "")
    if first_rests:
        rig.session.client("ec2").stop_instances(InstanceIds=[first])

    assert second in [one.id for one in stop.stop(rig)]

    assert (state_of(rig, first), state_of(rig, second)) == ("stopped", "stopped")
    assert sorted(asked) == ([second] if first_rests else sorted([first, second]))
    assert said[0] == "2 machines are called rig, which should be one: all of them stop"
    with pytest.raises(NothingToDo):
        stop.stop(rig)


@pytest.mark.parametrize("what", ["the first", "the second", "AWS refuses the first"])
def test_one_s_trouble_keeps_no_other_of_its_name_running(rig, second, monkeypatch, answer, what):
    first = other_than(rig, second)
    home_unless(monkeypatch, {"the first": first, "the second": second}.get(what, ""))
    if what == "AWS refuses the first":
        answer(
            rig.session, "ec2", "StopInstances", code="UnsupportedOperation", when=lambda body: first in str(body)
        )  # fmt: skip

    with pytest.raises(RigError):
        stop.stop(rig)

    assert state_of(rig, second) == "stopped"
    assert state_of(rig, first) == ("running" if what == "AWS refuses the first" else "stopped")


@pytest.mark.parametrize("lost", ["first", "second"])
def test_terminate_deletes_none_of_its_name_while_one_holds_results_that_are_not_home(rig, second, monkeypatch, lost):
    first = other_than(rig, second)
    home_unless(monkeypatch, {"first": first, "second": second}[lost])

    with pytest.raises(WorldError, match="Nothing was deleted"):
        stop.terminate(rig, lose_results=False)

    assert "terminated" not in (state_of(rig, first), state_of(rig, second))
    assert state_of(rig, {"first": first, "second": second}[lost]) == "stopped"


def test_a_machine_in_a_state_that_nobody_has_heard_of_is_asked_to_stop(rig, calls):
    moto_instance(find(rig.session, NAME).id)._state.name = "hibernating"
    calls.clear()

    assert [one.state for one in stop.stop(rig)] == ["stopped"]
    assert "ec2:StopInstances" in calls


def test_a_disk_that_outlives_its_machine_is_named(rig, said):
    for disk in moto_instance(find(rig.session, NAME).id).block_device_mapping.values():
        disk.delete_on_termination = False
    kept = find(rig.session, NAME).volume_ids

    stop.terminate(rig, lose_results=True)

    assert f"{kept[0]} stays, and costs money: somebody told EC2 to keep it; `rig sweep` can remove it" in said


def test_the_hours_in_user_data_are_those_of_the_type_that_the_budget_buys_fewest_of(rig):
    """They hold when no tag can be read, and nobody knows yet which type AWS will have."""
    now = datetime(2026, 11, 20, tzinfo=timezone.utc)
    cheap, dear = samples.offer("g4dn.xlarge"), samples.offer("g5.48xlarge", usd_per_hour=16.0)
    promises = {one: budget.promise(one.cost(0), hours=8, usd_budget=8, now=now) for one in (cheap, dear)}
    existing = Existing(source="203.0.113.7/32", group=None, instances=(), key_known=True, image=samples.IMAGE)
    plan = Plan(
        region="us-east-1", existing=existing, promises=promises, cost=cheap.cost(0), quotas={}, disk_gib=1, changes=()
    )

    request = launch._phrase_request(rig, plan, "sg-1", "key")

    script = gzip.decompress(request.user_data).decode()
    (config,) = (json.loads(line) for line in script.splitlines() if '"hours":' in line)
    assert config["hours"] == promises[dear].hours < 0.3 < promises[cheap].hours
    assert [tags[DEADLINE_TAG] for tags in request.offer_tags.values()] == [
        budget.tag(promise.deadline) for promise in (promises[cheap], promises[dear])
    ]


def test_a_folder_that_openssh_can_take_in_no_path_is_refused_before_a_machine_is_rented_or_started(rig):
    stop.terminate(rig, lose_results=True)
    elsewhere = dataclasses.replace(rig, project=rig.project / 'my "project"')
    existing = Existing(source="203.0.113.7/32", group=None, instances=(), key_known=True, image=samples.IMAGE)
    plan = Plan(region="us-east-1", existing=existing, promises={}, cost=None, quotas={}, disk_gib=1, changes=())

    with pytest.raises(UserError, match="takes no path with a quotation mark in it"):
        launch.launch(elsewhere, plan)

    assert census(rig.session) == NOTHING
