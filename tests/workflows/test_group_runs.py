"""In a group: `rig pull --run` and `rig cancel` where a run is on some of the machines; and whose verdict counts."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.errors import JobFailed
from infra.host.facts import unknown_run
from infra.job import artifacts
from infra.remote.meeting import judge, plan
from infra.remote.workers import EVERYWHERE
from infra.settings import Settings
from infra.workflows import group_run, runs
from infra.workflows import ssh_config as entries
from infra.workflows.context import Rig
from infra.workflows.runs import cancel_run, pull_runs

PROJECT = Path(__file__).resolve().parents[2]
ON_TWO, ON_ALL = "20261120-110000-lenet-aaaa", "20261120-100000-mine-bbbb"
RIG = Rig(settings=Settings(), session=cast(Any, None), project=Path(), tell=lambda line: None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Which run was asked for, and on which node."""
    nodes = tuple(SimpleNamespace(nodes=3, rank=rank, node=f"node {rank + 1}") for rank in range(3))
    there = {rank: [ON_ALL, ON_TWO] if rank < 2 else [ON_ALL] for rank in range(3)}
    heard: list[tuple[int, str]] = []

    @contextmanager
    def host(rig: Any, node: Any) -> Iterator[Any]:
        yield node

    def facts_of(rig: Any, host: Any) -> Any:
        found = tuple(SimpleNamespace(name=name, state="ended", fetched=False) for name in there[host.rank])
        return SimpleNamespace(runs=found, running=found[1:], unfetched=found, nameless=())

    def hear(rig: Any, host: Any, node: Any, *further: Any) -> int:
        heard.append((node.rank, getattr(further[-1], "name", further[-1])))
        return int(node.rank)

    answers: dict[str, Any] = {"open_host": host, "facts_of": facts_of, "fetch_run": hear, "bring_home": hear}
    for name, answer in answers.items():
        monkeypatch.setattr(runs, name, answer)
    monkeypatch.setattr(runs, "running_nodes", lambda *_, **__: nodes)
    monkeypatch.setattr(runs, "_running", lambda facts, name: facts.runs[-1])
    return heard


def test_a_part_of_its_name_brings_a_run_home_from_the_nodes_that_have_it(asked: list[tuple[int, str]]) -> None:
    assert pull_runs(RIG, "lenet") == [0]
    assert sorted(asked) == [(0, ON_TWO), (1, ON_TWO)]


@pytest.mark.parametrize("name", ["", "aaaa"])
def test_cancel_asks_no_node_that_does_not_have_the_run(name: str, asked: list[tuple[int, str]]) -> None:
    assert cancel_run(RIG, name) == 0
    assert sorted(asked) == [(0, ON_TWO), (1, ON_TWO)]


@pytest.mark.parametrize("culprit", [0, 1, 2])
@pytest.mark.parametrize("clocks", [("10", "10", "10"), ("09", "10", "11"), ("11", "10", "09"), ("10", "11", "09")])
def test_the_verdict_is_that_of_the_node_that_failed_first_whatever_the_clocks_say(
    culprit: int, clocks: tuple[str, ...], tmp_path: Path
) -> None:
    """What each launcher writes last is the same, and each one's record has the exit code of the first to fail."""
    slots = plan([1, 1, 1])
    names = {slot.rank: f"worker {slot.rank} (node {slot.node + 1})" for slot in slots}
    cause = judge({culprit: 3, (culprit + 1) % 3: 75}, names, silent=[], silence_s=20, lost_for_s=0)
    assert cause is not None
    last = f"Traceback of somebody\ngluon-rig: {cause.what}; {EVERYWHERE}\ngluon-rig: a next step\n"
    ends: list[Any] = []
    for rank in range(3):
        folder = artifacts.home_of(tmp_path / "runs", ON_ALL, rank)
        folder.mkdir(parents=True)
        (folder / "train.log").write_text(last)
        ended = f"2026-11-20T{clocks[rank]}:00:00Z"
        run = unknown_run(ON_ALL)
        run = replace(run, state="ended", exit_code=cause.exit_code, ended=ended)
        outcome = runs.Outcome(run=ON_ALL, folder=folder, exit_code=3, cost=cast(Any, None))
        node = SimpleNamespace(rank=rank, node=f"node {rank + 1} of 3")
        ends.append((node, runs.Fetched(outcome, run, cast(Any, SimpleNamespace(ended=None)))))

    with pytest.raises(JobFailed, match=f"node {culprit + 1} of 3: .* failed with exit code 3") as failed:
        group_run._judge_first(replace(RIG, project=tmp_path), ON_ALL, ends)

    own = "" if culprit == 0 else f"other-nodes/{culprit + 1}/"
    assert f"runs/{ON_ALL}/{own}train.log" in failed.value.hint


def test_no_rig_has_a_name_by_which_another_ones_second_machine_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    target = SimpleNamespace(address="", port=22, user="", key=Path(), known_hosts=Path(), identity="i-1")
    monkeypatch.setattr(entries, "open_host", lambda rig, node: nullcontext(SimpleNamespace(target=target)))
    monkeypatch.setattr(entries.ssh_config, "write", lambda path, text: written.append(text))
    for name, nodes in (("x", 2), ("x-2", 1), ("x_2", 1)):
        one = replace(RIG, settings=Settings(name=name, cloud="rehearsal"))
        entries._write_entry(one, [cast(Any, SimpleNamespace(rank=rank)) for rank in range(nodes)])

    aliases = [line.split()[1] for text in written for line in text.splitlines() if line.startswith("Host ")]
    assert aliases == ["gluon-x", "gluon-x.2", "gluon-x-2", "gluon-x_2"]


COPIES = """
import os, sys, time
from types import SimpleNamespace
from infra.workflows.nodes import on_each
from tests.workflows.test_group_runs import RIG
nodes = [SimpleNamespace(nodes=40, rank=rank, node=f"node {rank + 1}") for rank in range(40)]

def copy(rig, one):
    os.write(1, b"begun\\n")  # a line at once: print writes its end by itself, and forty threads write
    time.sleep(300)

try:
    on_each(RIG, nodes, copy)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_that_reaches_rig_alone_waits_for_no_copy_to_another_machine() -> None:
    """As from an editor's stop button: in a terminal rsync hears it, too."""
    process = subprocess.Popen([sys.executable, "-c", COPIES], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(32):
        assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 130
    assert process.stdout.read() == "", "none of those that waited for their turn has begun"
