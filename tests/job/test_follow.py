"""Following a run through any number of cuts: every line once, in order, and the run is never touched."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import AwsFailed, HostUnreachable
from infra.host.connection import DROPPED
from infra.job import run as runs


class Stream:
    def __init__(self, lines: list[str], exit_code: int, *, bytes_: int | None = None) -> None:
        self.stdout = io.BytesIO("".join(line + "\n" for line in lines).encode()[:bytes_])
        self.exit_code = exit_code

    def wait(self) -> int:
        return self.exit_code

    def terminate(self) -> None: ...


class LogHost:
    """A host whose Docker holds *log*; each stream is cut after as many bytes as *cuts* says, the last is not.

    *withheld*: whoever follows it is not given its last line, as Docker does with one that has no end.
    """

    def __init__(
        self,
        log: Sequence[tuple[str, str]],
        cuts: list[int],
        *,
        last: str = '{"Running": false}',
        withheld: bool = False,
    ) -> None:
        self.log, self.cuts, self.last, self.withheld = log, cuts, last, withheld

    def stream(self, hello: Sequence[str], logs: Sequence[str], *_: Sequence[str], **__: Any) -> Any:
        since = logs[logs.index("--since") + 1] if "--since" in logs else ""
        followed = self.log[:-1] if self.withheld else self.log
        lines = [f"{moment} {text}" for moment, text in followed if moment >= since]
        lines += ["", runs.LAST, *(f"{moment} {text}" for moment, text in self.log[-1:]), ""]
        if self.cuts:
            return Stream([hello[1], *lines], DROPPED, bytes_=self.cuts.pop(0))
        return Stream([hello[1], *lines, self.last], 0)


def moment(n: int) -> str:
    return f"2026-11-20T15:53:{n // 10:02d}.{n % 10}00000000Z"


# Few distinct moments and many lines: several lines share one, as they do when a program prints a table.
LOGS = st.lists(st.integers(0, 20), max_size=30).map(
    lambda ns: [(moment(n), f"line {i}") for i, n in enumerate(sorted(ns))]
)


@given(log=LOGS, cuts=st.lists(st.integers(0, 600), max_size=8))
def test_every_line_is_shown_once_and_in_order_however_often_the_line_is_cut(
    log: list[tuple[str, str]], cuts: list[int]
) -> None:
    host: Any = LogHost(log, list(cuts))
    shown: list[str] = []

    runs.follow(lambda: host, ["docker"], "r1", shown.append, tell=lambda _: None, sleep=lambda _: None)

    assert shown == [text for _, text in log]


@given(log=LOGS, cuts=st.lists(st.integers(0, 600), max_size=3))
def test_a_last_line_that_docker_keeps_back_from_whoever_follows_is_shown_too(
    log: list[tuple[str, str]], cuts: list[int]
) -> None:
    log = [*log, (moment(99), "the accuracy, without an end of line")]
    host: Any = LogHost(log, list(cuts), withheld=True)
    shown: list[str] = []

    runs.follow(lambda: host, ["docker"], "r1", shown.append, tell=lambda _: None, sleep=lambda _: None)

    assert shown == [text for _, text in log]


def test_what_ssh_or_docker_complain_is_not_taken_for_the_jobs_words() -> None:
    host: Any = LogHost([(moment(1), "a")], [])
    host.log = [("Warning:", "from ssh"), (moment(1), "a")]
    shown: list[str] = []

    runs.follow(lambda: host, ["docker"], "r1", shown.append, tell=lambda _: None, sleep=lambda _: None)

    assert shown == ["a"]


def nobody() -> Any:
    raise HostUnreachable("gone")


def test_silence_is_borne_for_ten_minutes_and_then_said_while_the_run_goes_on() -> None:
    clock = iter(range(0, 10_000, 100))

    with pytest.raises(HostUnreachable, match=r"No word of run r1 for 10 minutes. The run itself does not need"):
        runs.follow(nobody, ["docker"], "r1", print, tell=lambda _: None, now=lambda: next(clock), sleep=lambda _: None)


def test_a_job_that_is_silent_for_an_hour_is_not_taken_for_a_lost_one_when_the_line_breaks_then() -> None:
    host: Any = LogHost([(moment(1), "the only line")], cuts=[40, 40])
    clock = iter(range(0, 100_000, 3600))
    shown: list[str] = []

    runs.follow(
        lambda: host, ["docker"], "r1", shown.append, tell=lambda _: None, now=lambda: next(clock), sleep=lambda _: None
    )

    assert shown == ["the only line"]


@pytest.mark.parametrize("away", [HostUnreachable("no route"), AwsFailed("no name service")])
def test_a_laptop_that_wakes_up_without_a_network_goes_on_when_it_has_one(away: Exception) -> None:
    host: Any = LogHost([(moment(1), "a"), (moment(2), "b")], cuts=[70])
    answers: list[Any] = [host, away, away, host]
    shown: list[str] = []

    def connect() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    runs.follow(connect, ["docker"], "r1", shown.append, tell=lambda _: None, sleep=lambda _: None)

    assert shown == ["a", "b"]


def test_a_container_that_another_laptop_has_fetched_and_removed_is_over() -> None:
    host: Any = LogHost([], [], last="Error response from daemon: No such container: rig-r1")

    runs.follow(lambda: host, ["docker"], "r1", print, tell=lambda _: None, sleep=lambda _: None)


def test_docker_being_restarted_is_waited_for() -> None:
    host: Any = LogHost(
        [(moment(1), "a")], [], last="Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
    )
    told: list[str] = []

    def daemon_comes_back(_: float) -> None:
        host.last = '{"Running": false}'

    shown: list[str] = []
    runs.follow(lambda: host, ["docker"], "r1", shown.append, tell=told.append, sleep=daemon_comes_back)

    assert (shown, len(told)) == (["a"], 1)
