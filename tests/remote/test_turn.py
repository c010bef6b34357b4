"""Runs that wait for their turn: one after the other, in the order of their start, whatever becomes of one before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.remote.turn import in_line, tickets

RECORDER = Path(__file__).resolve().parents[2] / "infra/remote/recorder.py"


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    folder = tmp_path / "queue"
    folder.mkdir()
    return folder


def test_tickets_are_given_in_order_and_taken_away_with_their_run(queue: Path) -> None:
    with in_line(queue, "one") as one:
        with in_line(queue, "two") as two, in_line(queue, "three-3f2a") as three:
            assert (one.ahead(), two.ahead(), three.ahead()) == ([], ["one"], ["one", "two"])
            assert [run for _, run in tickets(queue)] == ["one", "two", "three-3f2a"]
        assert [run for _, run in tickets(queue)] == ["one"]
    assert tickets(queue) == []


def test_the_ticket_of_a_run_that_was_killed_holds_nobody_up(queue: Path) -> None:
    (queue / "000001-dead").write_text("runs")
    (queue / "notes-of-mine").write_text("no ticket")
    with in_line(queue, "next") as ticket:
        assert ticket.path.name == "000002-next"
        assert ticket.ahead() == []
    assert [path.name for path in sorted(queue.iterdir())] == [".lock", "notes-of-mine"]


def record(tmp_path: Path, name: str, command: str, **environ: str) -> subprocess.Popen[str]:
    given = {"RIG_QUEUE": str(tmp_path / "queue"), "RIG_RUN": name, **environ}
    line = [sys.executable, str(RECORDER), str(tmp_path / name), "--", "sh", "-c", command]
    process = subprocess.Popen(line, env=os.environ | given, text=True, stdout=subprocess.PIPE)
    while not any(run == name for _, run in tickets(tmp_path / "queue")):
        assert process.poll() is None
        time.sleep(0.01)
    return process


def test_runs_begin_one_after_the_other_and_one_that_is_cancelled_never_begins(tmp_path: Path, queue: Path) -> None:
    order, go = tmp_path / "order", tmp_path / "go"
    first = record(tmp_path, "first", f"while [ ! -e {go} ]; do sleep 0.05; done; echo first >> {order}")
    others = [record(tmp_path, name, f"echo {name} >> {order}", RIG_WAITS="1") for name in ("second", "third", "last")]
    assert others[0].stdout is not None
    assert others[0].stdout.readline() == "gluon-rig: waiting for first\n"
    others[1].send_signal(signal.SIGTERM)
    assert others[1].wait(timeout=300) == 143
    assert not order.exists()
    go.touch()
    for process in (first, *others):
        process.communicate(timeout=300)

    assert order.read_text().split() == ["first", "second", "last"]
    cancelled = json.loads((tmp_path / "third/exit.json").read_text())
    assert (cancelled["exit_code"], cancelled["signal"]) == (143, "SIGTERM")
    assert cancelled["seconds"] < 1  # waiting is nobody's time
    assert (tmp_path / "third/MANIFEST.sha256").is_file()
    assert tickets(queue) == []


def test_a_run_begins_when_the_one_before_it_is_killed(tmp_path: Path, queue: Path) -> None:
    first = record(tmp_path, "first", "sleep 600")
    second = record(tmp_path, "second", "echo begun", RIG_WAITS="1")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    said, _ = second.communicate(timeout=300)

    assert said.splitlines()[-1] == "begun"


def test_a_queue_that_cannot_be_used_loses_no_run(tmp_path: Path, queue: Path) -> None:
    (queue / ".lock").mkdir()  # in the way, as another user's file would be
    line = [sys.executable, str(RECORDER), str(tmp_path / "run"), "--", "sh", "-c", "echo begun; exit 3"]
    given = {"RIG_QUEUE": str(queue), "RIG_RUN": "run", "RIG_WAITS": "1"}
    done = subprocess.run(line, env=os.environ | given, text=True, capture_output=True)

    assert (done.returncode, done.stderr) == (3, "")
    announced, printed = done.stdout.splitlines()
    assert announced.startswith("gluon-rig: the queue cannot be used (")
    assert printed == "begun"
    assert json.loads((tmp_path / "run/exit.json").read_text())["exit_code"] == 3
