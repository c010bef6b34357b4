"""A group is one thing: all of its machines or none, one rule among them, one deadline; killed at any call, then again.

The real story of `launch`, `start`, `stop` and `terminate` against moto; only what is asked over SSH is put in place.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.aws.autostop import schedule
from infra.aws.client.account import Account
from infra.aws.client.tags import own_filters
from infra.aws.instances.instance import find_nodes
from infra.cli.screens.instance import render_stop
from infra.errors import AwsFailed, NoCapacity, NothingToDo, RigError, UserError
from infra.settings import Settings
from infra.workflows import launch as launching
from infra.workflows import stop as stopping
from infra.workflows.context import Rig
from infra.workflows.plan import make_plan
from infra.workflows.status import standings
from tests.aws.conftest import refuse
from tests.aws.instances.test_lifecycle import pass_through, put
from tests.aws.pretend_account import moto_instance
from tests.aws.samples import HOME, NAME, Killed, Reaper, forget_ended
from tests.sizes import ALL, size, tried

NODES = 4
FACTS = SimpleNamespace(
    unfetched=(), nameless=(), beginning=(), notebooks=False, visited=False, gpus=(), ended=None, clock_ahead_s=0.0
)


@contextmanager
def no_host(rig: Rig, instance: Any) -> Iterator[None]:
    yield


@pytest.fixture
def rig(aws, tell, clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(Rig, "account", property(lambda rig: Account(rig.session, rig.tell, clock)))
    monkeypatch.setattr("infra.aws.account.discovery.my_address", lambda *_: f"{HOME}/32")
    monkeypatch.setattr("infra.workflows.plan.quota_of", lambda *_, **__: None)  # moto has no quotas
    monkeypatch.setattr(launching, "open_host", no_host)
    monkeypatch.setattr(launching, "wait_until_ready", lambda *_, **__: FACTS)
    monkeypatch.setattr(stopping, "bring_all_home", lambda *_: [])
    if not ALL:  # a look at 78 types, each time, which takes moto as long as all the rest of a launch
        monkeypatch.setattr("infra.workflows.plan._find_rival", lambda *_: None)
    key = tmp_path / "key"
    settings = Settings(nodes=NODES, type=("c5.large",), placement="cluster", key=str(key))
    schedule.setup_guard(aws)
    return Rig(settings=settings, session=aws, project=tmp_path, tell=tell)


def launch(rig: Rig) -> None:
    launching.launch(rig, make_plan(rig))


def left(rig: Rig) -> dict[str, Any]:
    """What of the rig is in the account."""
    ec2, mine = rig.session.client("ec2"), own_filters(NAME)
    rows = ec2.describe_instances(Filters=mine)["Reservations"]
    states = Counter(one["State"]["Name"] for row in rows for one in row["Instances"])
    del states["terminated"]
    groups = ec2.describe_security_groups(Filters=mine)["SecurityGroups"]
    rules = [rule for group in groups for rule in group["IpPermissions"]]
    return {
        "machines": dict(states),
        "rules": sorted(["the group" for rule in rules for _ in rule["UserIdGroupPairs"]]
                        + [part["CidrIp"] for rule in rules for part in rule["IpRanges"]]),
        "groups": len(groups),
        "placement groups": len(ec2.describe_placement_groups()["PlacementGroups"]),
        "keys": len(ec2.describe_key_pairs(Filters=mine)["KeyPairs"]),
        "alarms": len(rig.session.client("cloudwatch").describe_alarms()["MetricAlarms"]),
        "schedules": len(rig.session.client("scheduler").list_schedules()["Schedules"]),
    }  # fmt: skip


def whole(state: str = "running") -> dict[str, Any]:
    guarded = NODES if state == "running" else 0
    return {
        "machines": {state: NODES}, "rules": [f"{HOME}/32", "the group"], "groups": 1, "placement groups": 1, "keys": 1,
        "alarms": 2 * guarded, "schedules": guarded,
    }  # fmt: skip


NOTHING = {
    "machines": {}, "rules": [], "groups": 0, "placement groups": 0, "keys": 0, "alarms": 0, "schedules": 0,
}  # fmt: skip


def test_a_machine_that_is_lost_while_it_is_waited_for_ends_the_wait_and_nothing_is_left(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(host: Any, *, look: Callable[[], None], **_: Any) -> Any:
        look()  # all are there
        with one_at_a_time:
            if not lost:
                lost.append(find_nodes(rig.session, NAME)[1].id)
                rig.session.client("ec2").terminate_instances(InstanceIds=lost)
        look()
        return FACTS

    lost: list[str] = []
    one_at_a_time = threading.Lock()
    monkeypatch.setattr(launching, "wait_until_ready", wait)

    with pytest.raises(AwsFailed, match=rf"^node 2 of {NODES} \(i-\w+\) is terminated instead of running"):
        launch(rig)

    assert left(rig) == NOTHING


def test_of_a_machine_that_goes_while_it_is_stopped_nobody_says_that_its_disk_is_there() -> None:
    def standing(rank: int, state: str) -> Any:
        node = f"node {rank + 1} of 3 (i-{rank})"
        instance = SimpleNamespace(id=f"i-{rank}", state=state, ended=state == "terminated", node=node)
        return SimpleNamespace(
            instance=instance, pretended=False, usd_disk_per_month=4.8 if state == "stopped" else 0.0
        )

    assert render_stop([standing(0, "stopped"), standing(1, "terminated"), standing(2, "stopped")]).splitlines() == [
        "i-0 i-2 are stopped. Their disks still cost $9.60 per month; "
        "`make start` brings them back, `make terminate` deletes them.",
        "Terminated meanwhile, by somebody or by AWS, and its disk with it: node 2 of 3 (i-1).",
    ]


def terminate(rig: Rig) -> None:
    with suppress(NothingToDo):
        stopping.terminate(rig, lose_results=True)


def stop(rig: Rig) -> None:
    with suppress(NothingToDo):
        stopping.stop(rig)


def every_death(reaper: Reaper, verb: Callable[[], object], again: Callable[[], None], death: Any = Killed) -> None:
    """As in instances/test_killed.py; in the sample at every fifteenth call only, in turn before and after it."""
    step = size(15, 1)
    for number, at in enumerate(itertools.count(1, step)):
        for after in (False, True) if step == 1 else (bool(number % 2),):
            with reaper.strike(at, after=after, death=death):
                verb()
            again()
            forget_ended()
            tried()
        if not reaper.dead:
            return


def never_a_part(rig: Rig) -> None:
    machines = {state: count for state, count in left(rig)["machines"].items() if state != "shutting-down"}
    assert sum(machines.values()) in (0, NODES)


def test_a_group_is_one_order_of_machines_that_know_their_number_and_speak_with_each_other_alone(rig, calls):
    launch(rig)

    nodes = find_nodes(rig.session, NAME)
    assert left(rig) == whole()
    assert calls.count("ec2:RunInstances") == 1
    assert [(one.rank, one.nodes, one.node) for one in nodes] == [
        (number, NODES, f"node {number + 1} of {NODES} ({one.id})") for number, one in enumerate(nodes)
    ]
    assert len({(one.zone, one.token, one.deadline, one.idle_minutes) for one in nodes}) == 1
    launch(rig)
    assert calls.count("ec2:RunInstances") == 1, "it is found"


def test_a_launch_killed_at_any_call_ends_in_one_whole_group_when_run_again(rig, reaper):
    def verb() -> None:
        plan = make_plan(rig)
        launching.launch(rig, plan)

    def again() -> None:
        never_a_part(rig)
        verb()
        assert left(rig) == whole()
        terminate(rig)
        assert left(rig) == NOTHING

    every_death(reaper, verb, again)


def test_a_launch_killed_while_it_speaks_with_any_of_its_machines_is_finished_by_the_next(rig, monkeypatch):
    """The SSH commands of a launch; the laptop dies at each in turn, while the others are being asked."""
    answers = launching.wait_until_ready
    for number in range(0, NODES, size(2, 1)):
        asked = itertools.count()

        def die(*_: Any, asked: Any = asked, number: int = number, **__: Any) -> Any:
            if next(asked) == number:
                raise Killed
            return FACTS

        monkeypatch.setattr(launching, "wait_until_ready", die)
        monkeypatch.setattr("infra.aws.client.rollback.Rollback.run", lambda rollback: [])  # it is dead
        with suppress(Killed):
            launch(rig)
        monkeypatch.setattr(launching, "wait_until_ready", answers)

        never_a_part(rig)
        launch(rig)
        assert left(rig) == whole()
        terminate(rig)
        assert left(rig) == NOTHING
        tried()


@pytest.mark.exhaustive
def test_ctrl_c_at_any_call_of_a_launch_leaves_nothing(rig, reaper):
    """Nothing is run again here: the dying command takes back what it began, even what it was not told it began."""

    def again() -> None:
        assert left(rig) == (whole() if reaper.survived else NOTHING)
        terminate(rig)

    every_death(reaper, lambda: launch(rig), again, KeyboardInterrupt)


def test_a_stop_killed_at_any_call_ends_in_a_stopped_group_when_run_again(rig, reaper):
    def again() -> None:
        stop(rig)
        assert left(rig) == whole("stopped")
        launch(rig)

    launch(rig)
    every_death(reaper, lambda: stop(rig), again)


def test_a_terminate_killed_at_any_call_leaves_nothing_when_run_again(rig, reaper):
    def again() -> None:
        terminate(rig)
        assert left(rig) == NOTHING
        launch(rig)

    launch(rig)
    every_death(reaper, lambda: terminate(rig), again)


def test_a_launch_that_loses_a_machine_while_it_boots_is_undone_whole(rig, aws):
    def one_goes(parsed: dict[str, Any], **_: Any) -> None:
        moto_instance(parsed["Instances"][2]["InstanceId"]).terminate()

    aws.client("ec2", patient=False).meta.events.register("after-call.ec2.RunInstances", one_goes)

    with pytest.raises(RigError, match=r"node 3 of 4 \(i-[0-9a-f]+\) is terminated instead of running"):
        launch(rig)

    assert left(rig) == NOTHING


def test_where_there_is_room_for_three_nothing_is_made_and_then_the_next_zone_is_asked(rig, answer, calls, said):
    def in_zone_a(body: Any) -> bool:
        return "us-east-1b" not in str(body)

    answer(
        rig.session, "ec2", "RunInstances", code="InsufficientInstanceCapacity", message="no capacity", when=in_zone_a
    )

    launch(rig)

    assert {one.zone for one in find_nodes(rig.session, NAME)} == {"us-east-1b"}
    assert "c5.large in us-east-1a, close together: InsufficientInstanceCapacity" in said


def test_a_start_that_gets_three_of_four_machines_stops_them_again(rig, aws, answer):
    launch(rig)
    stop(rig)
    ids = [one.id for one in find_nodes(aws, NAME)]

    def three(params: dict[str, Any], **_: Any) -> None:
        for one in ids[:3]:
            moto_instance(one).start()

    aws.client("ec2", patient=False).meta.events.register_first("before-call.ec2.StartInstances", three)
    answer(aws, "ec2", "StartInstances", code="InsufficientInstanceCapacity")

    with pytest.raises(NoCapacity, match="a stopped instance can start in its own zone only"):
        launch(rig)

    assert left(rig) == whole("stopped")


def test_a_group_that_has_lost_a_machine_is_named_and_nothing_is_made_beside_it(rig, aws, calls):
    launch(rig)
    moto_instance(find_nodes(aws, NAME)[1].id).terminate()

    with pytest.raises(UserError, match="was made of 4 machines, and has 3: node 2 is gone") as raised:
        launch(rig)

    assert "--recover" in raised.value.hint
    assert calls.count("ec2:RunInstances") == 1


def test_what_is_left_of_a_group_wakes_with_every_safeguard_and_the_whole_one_idles_no_longer(rig, aws, monkeypatch):
    launch(rig := dataclasses.replace(rig, settings=dataclasses.replace(rig.settings, idle=5)))
    stop(rig)
    moto_instance(find_nodes(aws, NAME)[1].id).terminate()
    seen = []
    monkeypatch.setattr(launching, "terminate", lambda rig, **_: seen.append(left(rig)))
    monkeypatch.setattr(launching, "make_plan", lambda rig: seen.append(rig.settings))
    monkeypatch.setattr(launching, "launch", lambda *_: None)

    launching.launch_again(dataclasses.replace(rig, settings=Settings(key=rig.settings.key)), lambda plan: None)

    there, wish = seen
    assert (there["machines"], there["alarms"], there["schedules"]) == ({"running": 3}, 6, 3)
    assert (wish.nodes, wish.type, wish.idle) == (NODES, ("c5.large",), 5)


def test_what_is_left_of_a_group_rests_again_where_one_machine_does_not_answer(rig, aws, monkeypatch):
    launch(rig)
    stop(rig)
    moto_instance(find_nodes(aws, NAME)[1].id).terminate()

    def no_answer(*_: Any, **__: Any) -> None:
        raise RigError("it does not answer")

    monkeypatch.setattr(launching, "wait_until_ready", no_answer)

    with pytest.raises(RigError, match="does not answer"):
        launching.launch_again(rig, lambda plan: None)

    assert (left(rig)["machines"], left(rig)["alarms"], left(rig)["schedules"]) == ({"stopped": 3}, 0, 0)


def test_one_machine_that_goes_while_all_are_stopped_keeps_no_other_running(rig, aws):
    launch(rig)
    gone = find_nodes(aws, NAME)[3]
    first = []

    def refuse_whole(params: dict[str, Any], **_: Any) -> None:
        if not first:
            first.append(params)
            moto_instance(gone.id).terminate()

    aws.client("ec2").meta.events.register_first("before-call.ec2.StopInstances", refuse_whole)

    refuse(aws, "ec2", "StopInstances", code="IncorrectInstanceState", times=1)

    stop(rig)

    assert left(rig)["machines"] == {"stopped": NODES - 1}


def test_one_machine_that_never_comes_up_keeps_no_other_running(rig, aws):
    launch(rig)
    put(find_nodes(aws, NAME)[1], 0, "pending")
    pass_through(aws, find_nodes(aws, NAME)[1], (0, "pending"), (48, "terminated"))

    stop(rig)

    assert left(rig)["machines"] == {"stopped": NODES - 1}


def test_one_machine_that_is_terminated_while_it_stops_is_not_waited_for(rig, aws):
    launch(rig)
    gone = find_nodes(aws, NAME)[1]
    aws.client("ec2").meta.events.register(
        "after-call.ec2.StopInstances", lambda **_: pass_through(aws, gone, (64, "stopping"), (48, "terminated"))
    )

    stop(rig)

    assert left(rig)["machines"] == {"stopped": NODES - 1}


def test_another_number_of_machines_than_there_are_is_another_rig(rig):
    launch(rig)

    for other in (1, 3):
        asked = dataclasses.replace(rig, settings=dataclasses.replace(rig.settings, nodes=other))
        with pytest.raises(UserError, match=f"is there already, with 4 machines, and NODES={other} was asked for"):
            make_plan(asked)


@pytest.mark.exhaustive
def test_the_status_of_64_machines_asks_aws_hardly_more_than_that_of_one(rig, calls):
    asked = {}
    for nodes in (1, 64):
        some = dataclasses.replace(
            rig, settings=dataclasses.replace(rig.settings, nodes=nodes, name=f"rig{nodes}", placement="none")
        )
        launch(some)
        calls.clear()
        found = [one for one in standings(some) if one.instance.name == some.name]
        asked[nodes], seen = len(calls), list(calls)
        assert [len(one.safeguards) for one in found] == [4] * nodes
        assert all(safeguard.armed for one in found for safeguard in one.safeguards[1:])
        stopping.terminate(some, lose_results=True)

    assert asked[64] <= 1.3 * asked[1], seen
