"""Start a run, follow it through any number of dropped connections, and say how it ended."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from infra.console import Tell
from infra.errors import HostUnreachable, JobFailed, WorldError
from infra.host.connection import DROPPED, Host
from infra.job.container import Container, docker_logs, docker_run, docker_state, docker_stop, prepare

Connect = Callable[[], Host]
"""Finds the host anew: after a drop its address may have changed. Raises when there is no machine any more."""


def start(host: Host, container: Container) -> None:
    """Start *container* detached. From here on it lives without us."""
    host.run(*prepare(container), docker_run(container))


def stop(host: Host, docker: Sequence[str], run: str) -> None:
    """Ask the job to save and end; after STOP_TIMEOUT_S it is ended."""
    host.run(docker_stop(docker, run), timeout_s=120)


@dataclass
class Place:
    """How far the log was read. Docker's clock has nanoseconds, yet two lines may share one: count those seen."""

    time: str = ""
    lines: int = 0
    _again: int = field(default=0, repr=False)

    def rewind(self) -> None:
        """A new stream begins at `self.time`, so lines of that very moment come once more."""
        self._again = self.lines

    def is_new(self, moment: str) -> bool:
        if moment < self.time:
            return False
        if moment > self.time:
            self.time, self.lines, self._again = moment, 1, 0
            return True
        if self._again:
            self._again -= 1
            return False
        self.lines += 1
        return True


def follow(
    connect: Connect,
    docker: Sequence[str],
    run: str,
    show: Callable[[str], None],
    *,
    tell: Tell,
    patience_s: float = 600,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Show each line of the run's log once, in order, until the container has ended.

    A lost connection, a moved host, a restarted Docker daemon: asked again, for up to *patience_s* without a word.
    Raises HostUnreachable after that; the run itself goes on.
    """
    place = Place()
    quiet_since = now()
    while True:
        try:
            heard, answered = _listen(connect(), docker, run, show, place)
            if answered and not _running(connect(), docker, run):
                return
        except HostUnreachable:
            heard = False
        if heard:
            quiet_since = now()
        if now() - quiet_since > patience_s:
            raise HostUnreachable(
                f"No word of run {run} for {patience_s / 60:.0f} minutes. The run itself does not need this connection.",
                "`rig logs` follows it again, `rig status` shows the instance",
            )
        tell("The connection was lost; the run goes on. Asking again ...")
        sleep(1)


def _listen(
    host: Host, docker: Sequence[str], run: str, show: Callable[[str], None], place: Place
) -> tuple[bool, bool]:
    """Read one stream to its end: (whether a new line came, whether it was Docker and not the network that ended it)."""
    place.rewind()
    process = host.stream(
        docker_logs(docker, run, since=place.time),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Ctrl-C is for us alone: it detaches, and must not tear the shared connection down.
        start_new_session=True,
    )
    heard = False
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            moment, _, text = raw.decode(errors="replace").rstrip("\n").partition(" ")
            if _is_time(moment) and place.is_new(moment):
                heard = True
                show(text)
        return heard, process.wait() != DROPPED
    finally:
        process.terminate()
        process.wait()


def _is_time(word: str) -> bool:
    # "2026-11-20T15:53:01.123456789Z"; anything else is ssh or Docker complaining, and the exit code says that better.
    return len(word) > 20 and word[4:5] == "-" and word[10:11] == "T"


def _running(host: Host, docker: Sequence[str], run: str) -> bool:
    return bool(state(host, docker, run).get("Running"))


def state(host: Host, docker: Sequence[str], run: str) -> dict[str, object]:
    """Docker's own record of the container: Running, ExitCode, OOMKilled, StartedAt, FinishedAt."""
    answer = host.ask(docker_state(docker, run))
    if not answer.ok and "o such" in answer.err:
        raise WorldError(f"There is no container of run {run} on the host.", "`rig runs` lists the runs that are there")
    if not answer.ok:
        # The daemon is restarting, most likely; the caller asks again.
        raise HostUnreachable(
            f"Docker on the host does not answer: {answer.err.strip()}", "`rig ssh` opens a shell there"
        )
    return dict(json.loads(answer.out))


def judge(run: str, *, exit_code: int | None, oom: bool, guard_reason: str = "") -> None:
    """Return if the run did well. Raises JobFailed with the one message that fits how it ended."""
    log = f"its last lines are in runs/{run}/train.log"
    if exit_code == 0:
        return
    if oom or (exit_code == 137 and not guard_reason):
        raise JobFailed(
            f"Run {run} was killed because the machine ran out of memory (exit code 137).",
            f"{log}\na smaller batch_size needs less; a larger TYPE has more",
        )
    if guard_reason:
        raise JobFailed(
            f"Run {run} was ended by the guard: {guard_reason}.",
            "its last checkpoint is home; `rig train --resume` goes on from there",
        )
    if exit_code is None:
        raise JobFailed(
            f"Run {run} left no verdict: the machine went down under it.",
            "`rig train --resume` goes on from its last checkpoint",
        )
    raise JobFailed(f"Run {run} failed with exit code {exit_code}.", log)
