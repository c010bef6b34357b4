"""Every command on a group that has a trouble: none dies of it, and what is about money or results does all it can.

The command line itself, against moto; of the machines, what they would answer over SSH.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra import budget, cli
from infra.aws.client.session import Session
from infra.aws.client.tags import as_tags, own_tags
from infra.aws.instances.instance import Instance, find_nodes
from infra.errors import HostUnreachable
from infra.host import facts, retry
from infra.host.connection import Answer, Host
from infra.job import artifacts, run
from infra.names import DEADLINE_TAG, HOST_KEY_TAG, IDLE_TAG, NODES_TAG, RESULTS_FETCHED_TAG, STARTED_TAG
from infra.settings import Settings
from infra.workflows import context as way_in
from infra.workflows import launch as launching
from tests.aws import samples
from tests.aws.pretend_account import DLAMI, moto_instance
from tests.aws.samples import NAME
from tests.sizes import ALL, tried

NODES = 3
RUN = "20261120-153000-mine-0b93"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN0ZJZ2yhJVJhHm/jlB8oZ2S8vuHo1o1k0CkQmQ0w4o1"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status",), ("status", "--json"), ("plan",), ("cost",), ("sweep",), ("runs",), ("watch", "--once"), ("logs",),
    ("pull",), ("pull", "--run", "0b93"), ("cancel",), ("cancel", "--run", "0b93"), ("ssh-config",), ("image",),
    ("extend", "1h", "--yes"), ("launch", "--yes"), ("start", "--yes"), ("stop",), ("terminate",),
    ("logs", "--after", "stop"), ("train", "remote", "--cmd", "ls"), ("bake",),
    ("train", "remote", "--recover", "--resume", "0b93"), ("terminate", "--lose-results"),
)  # fmt: skip


class Machines:
    """What the machines answer over SSH; those in *silent* do not."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.state = "ended"
        self.more: dict[str, dict[str, Any]] = {}  # machine -> another run on it

    def heard(self, host: Host) -> None:
        if host.target.identity in self.silent:
            raise HostUnreachable(f"No answer from {host.target}: the connection timed out.", "look")

    def hear(self, host: Host, *lines: Sequence[str], given: bytes = b"") -> tuple[bytes, bytes]:
        self.heard(host)
        return b"", json.dumps(self.facts(host.target.identity)).encode()

    def facts(self, machine: str) -> dict[str, Any]:
        one = {"name": RUN, "state": self.state, "exit_code": 0, "oom": False, "signal": "", "started": None,
               "ended": "2026-11-20T16:00:00Z", "sealed": True, "fetched": False, "part": ""}  # fmt: skip
        runs = [one, *({**one, **other} for other in [self.more.get(machine)] if other)]
        return {"home": "/home/rig", "uid": 1, "gid": 1, "memory_bytes": 1 << 30, "docker": ["docker"], "images": [],
                "gpus": [], "rsync": True, "runs": runs, "notebooks": False, "guard_silent_s": 1.0, "nameless": [],
                "ended": None, "visited": False, "beginning": [], "strays": []}  # fmt: skip

    def ask(self, host: Host, *lines: Sequence[str], timeout_s: float = 60) -> Answer:
        self.heard(host)
        return Answer(0, "", "")

    def fetch(self, host: Host, said: Any, one: Any, into: Path, *, rank: int = 0, tell: Any) -> Path:
        self.heard(host)
        home = artifacts.home_of(into, one.name, rank)
        home.mkdir(parents=True, exist_ok=True)
        group = ["python3", "workers.py", "--workers", "1", "--nodes", str(NODES), "--node", str(rank), "--", "ls"]
        end = {"by": "gluon-rig", "command": group, "exit_code": 0, "results": "optional"}
        (home / "exit.json").write_text(json.dumps(end))
        return home

    def follow(self, connect: Callable[[], Host], docker: Any, name: str, show: Any, *, tell: Any) -> None:
        self.heard(connect())
        show("a line")


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Machines:
    made = Machines()

    def ready(host: Host, **_: Any) -> Any:
        made.heard(host)
        return SimpleNamespace(
            unfetched=(),
            nameless=(),
            beginning=(),
            notebooks=False,
            visited=False,
            gpus=(),
            ended=None,
            clock_ahead_s=0.0,
        )

    monkeypatch.setattr(facts, "hear", made.hear)
    monkeypatch.setattr(Host, "ask", lambda host, *lines, **options: made.ask(host, *lines, **options))
    monkeypatch.setattr(Host, "get_ready", lambda host: None)
    monkeypatch.setattr(artifacts, "fetch", made.fetch)
    monkeypatch.setattr(run, "follow", made.follow)
    monkeypatch.setattr(launching, "wait_until_ready", ready)
    for place in ("ensure_image", "prepare_run"):
        monkeypatch.setattr(f"infra.workflows.{place}.ensure_images", lambda *_: None)
    monkeypatch.setattr("infra.workflows.resume.begin_on_all", lambda rig, nodes, job, name, *_: name)
    monkeypatch.setattr("infra.workflows.resume._make_ready", lambda rig, one, name: "job")
    monkeypatch.setattr("infra.workflows.resume.choose", lambda *_: None)
    monkeypatch.setattr("infra.workflows.train.begin_on_all", _begin)
    monkeypatch.setattr("infra.aws.account.bake_ami.bake", lambda *_: SimpleNamespace(id="ami-1", name="", notes=()))
    monkeypatch.setattr("infra.cli.screens.instance.render_bake", lambda baked: "baked")
    return made


def _begin(rig: Any, nodes: Any, *_: Any) -> str:
    from infra.workflows.runs import look_at_each

    look_at_each(rig, nodes).require_all()
    return RUN


@pytest.fixture
def group(aws: Session, machines: Machines, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    later = datetime.now(timezone.utc) + timedelta(hours=2)
    mine = {**own_tags(NAME), NODES_TAG: str(NODES), DEADLINE_TAG: budget.tag(later), IDLE_TAG: "5", HOST_KEY_TAG: KEY,
            STARTED_TAG: f"run {RUN} 9c1e", RESULTS_FETCHED_TAG: "launch"}  # fmt: skip
    monkeypatch.setattr(way_in.Rig, "account", property(lambda rig: way_in.Account(rig.session, rig.tell, clock)))
    monkeypatch.setattr(way_in, "_source", lambda *_: "")
    monkeypatch.setattr("infra.aws.account.discovery.my_address", lambda *_: f"{samples.HOME}/32")
    monkeypatch.setattr("infra.workflows.plan.quota_of", lambda *_, **__: None)
    monkeypatch.setattr(retry, "PAUSES_S", ())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("")
    aws.client("ec2").run_instances(
        ImageId=DLAMI, InstanceType="t3.micro", MinCount=NODES, MaxCount=NODES, ClientToken="order",
        TagSpecifications=[{"ResourceType": "instance", "Tags": as_tags(mine)}],
    )  # fmt: skip
    return aws


def node(aws: Session, number: int) -> Instance:
    return next(one for one in find_nodes(aws, NAME) if one.rank == number - 1)


def silent(aws: Session, machines: Machines, number: int) -> None:
    machines.silent.add(node(aws, number).id)


def stopped(aws: Session, machines: Machines, number: int) -> None:
    aws.client("ec2").stop_instances(InstanceIds=[node(aws, number).id])


def gone(aws: Session, machines: Machines, number: int) -> None:
    moto_instance(node(aws, number).id).terminate()


def gone_at_rest(aws: Session, machines: Machines, number: int) -> None:
    gone(aws, machines, number)
    aws.client("ec2").stop_instances(InstanceIds=[one.id for one in find_nodes(aws, NAME)])


def untagged(aws: Session, machines: Machines, number: int) -> None:
    aws.client("ec2").delete_tags(Resources=[node(aws, number).id], Tags=[{"Key": NODES_TAG}])


def changed(aws: Session, machines: Machines, number: int) -> None:
    """Another type, started with another deadline, by hand."""
    moto_instance(node(aws, number).id).instance_type = "c5.large"
    retag(aws, number, budget.tag(datetime.now(timezone.utc) + timedelta(hours=5)))


def unreadable(aws: Session, machines: Machines, number: int) -> None:
    retag(aws, number, "tomorrow")


def retag(aws: Session, number: int, deadline: str) -> None:
    aws.client("ec2").create_tags(Resources=[node(aws, number).id], Tags=as_tags({DEADLINE_TAG: deadline}))


TROUBLES = (silent, stopped, gone, gone_at_rest, untagged, changed, unreadable)
CASES = [(words, trouble, number) for words in COMMANDS for trouble in TROUBLES for number in (1, 2)]
STEP = len(TROUBLES) * 2
# In the sample each command meets one trouble, and each trouble some commands; `make trust` has all. A sweep goes
# through all regions, which takes moto its time.
SAMPLE = (
    CASES if ALL else [CASES[at * STEP + (at * 5) % STEP] for at in range(len(COMMANDS)) if "sweep" not in COMMANDS[at]]
)


def named(case: tuple[tuple[str, ...], Any, int]) -> str:
    words, trouble, number = case
    return f"{' '.join(words)}: node {number} {trouble.__name__}"


@pytest.mark.parametrize("case", SAMPLE, ids=named)
def test_no_command_dies_of_a_part_of_the_group(case: Any, group: Session, machines: Machines, capsys: Any) -> None:
    words, trouble, number = case
    machines.state = "running" if words[0] == "cancel" else "ended"
    trouble(group, machines, number)
    there = find_nodes(group, NAME)
    up = {one.rank + 1 for one in there if one.state == "running"}
    answering = {one.rank + 1 for one in there if one.state == "running" and one.id not in machines.silent}

    code = cli.main(words)

    out, err = capsys.readouterr()
    told = f"{words}: exit {code}\n{out}\n{err}"
    tried()
    assert "fault in rig itself" not in err, told
    assert code in expected(words, trouble), told
    if trouble is silent and code == 1:
        assert f"node {number} of {NODES}" in err, told
    if words[0] == "logs" and trouble in (gone, stopped):
        assert f"lost node {number} of {NODES}" in err, told
        assert code == (1 if number == 1 else 0), "where the first one's run went well, that is told, and no failure"
    now = find_nodes(group, NAME)
    if words[0] in ("stop", "terminate") or "--after" in words:
        assert {one.state for one in now} <= {"stopped", "stopping", "shutting-down"}, "money goes on"
    if words[0] == "terminate" and (words[1:] or trouble in (gone, untagged, changed, unreadable)):
        assert now == (), told
    if words[0] == "extend" and up:
        soonest = min(one.deadline or datetime.now(timezone.utc) for one in now if one.state == "running")
        assert soonest > datetime.now(timezone.utc) + timedelta(minutes=59), told
    if words[0] in ("pull", "logs", "cancel", "stop", "terminate") and words[1:] != ("--lose-results",):
        home = {
            rank + 1 for rank in range(NODES) if (artifacts.home_of(Path("runs"), RUN, rank) / "exit.json").is_file()
        }
        assert home == answering, told
    if words[0] == "start" and trouble is not silent:
        assert {one.state for one in now} == {"running"}, told


@pytest.mark.parametrize("number", [1, 3])
def test_after_stop_waits_for_another_run_on_any_machine_of_the_group(
    number: int, group: Session, machines: Machines, capsys: Any
) -> None:
    other = "20261119-100000-other-41ff"
    machines.more[node(group, number).id] = {"name": other, "state": "running"}

    code = cli.main(["logs", "--run", "0b93", "--after", "stop"])

    assert code == 0
    assert f"AFTER=stop is for the last run: {other} still to end" in capsys.readouterr().err
    assert {one.state for one in find_nodes(group, NAME)} == {"running"}


@pytest.mark.parametrize("typed", ["train remote --cmd ls", "train remote --cmd ls --queue"])
@pytest.mark.parametrize("nodes", [1, 2])
def test_a_run_is_on_as_many_machines_as_are_asked_for(
    typed: str, nodes: int, group: Session, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is not all of them, and takes a queue."""
    began: list[Instance] = []

    def begin_on_one(rig: Any, host: Any, one: Instance, *_: Any) -> str:
        began.append(one)
        return RUN

    def begin_on_many(rig: Any, some: Sequence[Instance], *_: Any) -> str:
        began.extend(some)
        return RUN

    monkeypatch.setattr("infra.workflows.train.begin", begin_on_one)
    monkeypatch.setattr("infra.workflows.train.begin_on_all", begin_on_many)

    code = cli.main([*typed.split(), "--nodes", str(nodes), "--detach"])

    refused = nodes == 2 and typed.endswith("--queue")
    assert code == (2 if refused else 0)
    assert [one.rank for one in began] == ([] if refused else [*range(nodes)])


@pytest.mark.parametrize("resumed", ["", "0b93", "latest"])
def test_recover_pays_for_no_machine_where_there_is_nothing_to_go_on_with(
    resumed: str, group: Session, machines: Machines, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    launched: list[Any] = []
    monkeypatch.setattr("infra.workflows.resume.launch_again", lambda *asked: launched.append(asked))
    for number in range(NODES, 0, -1):
        gone(group, machines, number)
    typed = ["train", "remote", "--recover", *(["--resume", resumed] if resumed else [])]

    assert cli.main(typed) == (2 if resumed else 0)
    assert "no run" in capsys.readouterr().err.lower() or not resumed
    assert launched == []

    home = artifacts.home_of(Path("runs"), RUN, 0)
    home.mkdir(parents=True)
    (home / "exit.json").write_text(json.dumps({"by": "gluon-rig", "command": ["ls"], "exit_code": 1}))
    cli.main(typed)
    assert len(launched) == 1, capsys.readouterr().err


def test_what_is_the_same_for_all_machines_of_a_run_is_asked_once(
    group: Session, calls: list[str], tmp_path: Path
) -> None:
    from infra.workflows.prepare_run import order_of

    rig = way_in.Rig(settings=Settings(), session=group, project=tmp_path, tell=print)
    nothing: Any = None
    calls.clear()

    order = order_of(rig, [node(group, number) for number in range(1, NODES + 1)], nothing, RUN, (nothing, nothing))

    assert calls[NODES:] == ["ec2:DescribeVolumes", "pricing:GetProducts"]
    alone = order_of(rig, [node(group, 1)], nothing, RUN, (nothing, nothing))
    assert order.usd_per_hour == pytest.approx(NODES * alone.usd_per_hour)
    assert alone.usd_per_hour > 0


def expected(words: tuple[str, ...], trouble: Any) -> tuple[int, ...]:
    """The exit codes that this command may have."""
    command = words[0]
    off = trouble is gone_at_rest
    if command in ("status", "plan", "cost", "sweep", "runs") or words[1:] == ("--lose-results",):
        return (0,)
    if command in ("watch", "ssh-config"):
        return (2,) if off else (0,)
    if command in ("extend", "bake"):
        return (2,) if off else (0,)
    if command in ("image", "pull", "cancel"):
        return (2,) if off else (1,) if trouble is silent else (0,)
    if command == "logs":
        return (2,) if off else (1,) if trouble is silent else (0, 1) if trouble in (gone, stopped) else (0,)
    if command == "launch":
        return {silent: (1,), gone: (2,), gone_at_rest: (2,), unreadable: (2,)}.get(trouble, (0,))
    if command == "start":
        return {silent: (1,), unreadable: (2,)}.get(trouble, (0,))
    if command == "stop":
        return (1,) if trouble is silent else (0,)
    if command == "terminate":
        return {silent: (1,), stopped: (2,), gone_at_rest: (2,)}.get(trouble, (0,))
    if "--recover" in words:
        return (0, 1, 2)
    return {silent: (1,), stopped: (2,), gone: (2,), gone_at_rest: (2,)}.get(trouble, (0,))
