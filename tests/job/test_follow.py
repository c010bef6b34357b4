"""Following a run through any number of cuts: every line once, in order, and the run is never touched."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import HostUnreachable, JobFailed
from infra.host.connection import DROPPED, Answer
from infra.job import run as runs


class Stream:
    def __init__(self, lines: list[str], exit_code: int) -> None:
        self.stdout = io.BytesIO("".join(line + "\n" for line in lines).encode())
        self.exit_code = exit_code

    def wait(self) -> int:
        return self.exit_code

    def terminate(self) -> None: ...


class LogHost:
    """A host whose Docker holds *log*; each stream is cut after as many lines as *cuts* says, the last is not."""

    def __init__(self, log: Sequence[tuple[str, str]], cuts: list[int]) -> None:
        self.log, self.cuts = log, cuts
        self.running = True

    def stream(self, words: Sequence[str], **_: Any) -> Any:
        since = words[words.index("--since") + 1] if "--since" in words else ""
        lines = [f"{moment} {text}" for moment, text in self.log if moment >= since]
        if self.cuts:
            return Stream(lines[: self.cuts.pop(0)], DROPPED)
        self.running = False
        return Stream(lines, 0)

    def ask(self, words: Sequence[str], **_: Any) -> Answer:
        return Answer(0, json.dumps({"Running": self.running}), "")


def moment(n: int) -> str:
    return f"2026-11-20T15:53:{n // 10:02d}.{n % 10}00000000Z"


# Few distinct moments and many lines: several lines share one, as they do when a program prints a table.
LOGS = st.lists(st.integers(0, 20), max_size=30).map(lambda ns: [(moment(n), f"line {i}") for i, n in enumerate(sorted(ns))])


@given(log=LOGS, cuts=st.lists(st.integers(0, 12), max_size=8))
def test_every_line_is_shown_once_and_in_order_however_often_the_line_is_cut(log: list[tuple[str, str]], cuts: list[int]) -> None:
    host: Any = LogHost(log, list(cuts))
    shown: list[str] = []

    runs.follow(lambda: host, ["docker"], "r1", shown.append, tell=lambda _: None, sleep=lambda _: None)

    assert shown == [text for _, text in log]


def test_what_ssh_or_docker_complain_is_not_taken_for_the_jobs_words() -> None:
    host: Any = LogHost([(moment(1), "a")], [])
    host.log = [("Error", "response from daemon"), (moment(1), "a")]
    shown: list[str] = []

    runs.follow(lambda: host, ["docker"], "r1", shown.append, tell=lambda _: None, sleep=lambda _: None)

    assert shown == ["a"]


def test_silence_is_borne_for_ten_minutes_and_then_said_while_the_run_goes_on() -> None:
    clock = iter(range(0, 10_000, 100))

    def nobody() -> Any:
        raise HostUnreachable("gone")

    with pytest.raises(HostUnreachable, match="No word of run r1 for 10 minutes. The run itself does not need"):
        runs.follow(nobody, ["docker"], "r1", print, tell=lambda _: None, now=lambda: next(clock), sleep=lambda _: None)


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        ({"exit_code": 3, "oom": False}, "failed with exit code 3"),
        ({"exit_code": 137, "oom": True}, "ran out of memory"),
        ({"exit_code": 137, "oom": False}, "ran out of memory"),
        ({"exit_code": 0, "oom": True, "guard_reason": ""}, None),
        ({"exit_code": 143, "oom": False, "guard_reason": "the deadline was reached"}, "ended by the guard: the deadline"),
        ({"exit_code": None, "oom": False}, "left no verdict"),
    ],
)
def test_each_ending_has_its_own_words(ending: dict[str, Any], message: str | None) -> None:
    if message is None:
        runs.judge("r1", **ending)
        return
    with pytest.raises(JobFailed, match=message):
        runs.judge("r1", **ending)
