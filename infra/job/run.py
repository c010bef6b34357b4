"""Start a run, follow it through any number of dropped connections, and say how it ended."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from infra.console import Tell
from infra.errors import AwsFailed, HostUnreachable, RigError
from infra.host.connection import DROPPED, GREETING, Host
from infra.host.retry import persistently
from infra.job.container import (
    Container,
    docker_last_line,
    docker_logs,
    docker_run,
    docker_start,
    docker_state,
    docker_stop,
    prepare,
    undo,
)

LAST = "gluon-rig: the last line once more"
"""Between a followed log and the line after it."""
_NO_SUCH = "o such container"  # "No such container" or "no such container": Docker's versions differ
Connect = Callable[[], Host]
"""Finds the host anew: after a drop its address may have changed. Raises when there is no machine any more."""


def start(host: Host, container: Container, *, announce: Callable[[], None] = lambda: None, tell: Tell) -> None:
    """Start *container* detached; from here on it lives without us. A line that breaks starts nothing twice.

    *announce* is called when the host shows that the run begins, and before it does.

    Raises WorldError with Docker's reason when it cannot be started; nothing of it stays then.
    """
    try:
        persistently(lambda: host.run(*prepare(container)), tell=tell)
        announce()
        _begin(host, container, tell)
    except HostUnreachable:
        raise  # nobody knows whether it runs
    except RigError:
        for words in undo(container):  # one by one: each may have nothing to do
            host.ask(words)
        raise


def _begin(host: Host, container: Container, tell: Tell) -> None:
    try:
        host.run(docker_run(container))
    except HostUnreachable:
        persistently(lambda: _start_again(host, container), tell=tell)


def _start_again(host: Host, container: Container) -> None:
    """Nobody knows how far the broken line got: ask, and do what is left."""
    docker = container.facts.docker
    found = host.ask(docker_state(docker, container.run))
    if not found.ok and _NO_SUCH in found.err:
        host.run(*prepare(container), docker_run(container))
    elif not found.ok:
        raise silent(found.err)
    elif json.loads(found.out)["Status"] == "created":
        host.run(docker_start(docker, container.run))


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

    def is_later(self, moment: str) -> bool:
        """Of a line that was read already, most likely."""
        return moment > self.time and self.is_new(moment)


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
    """Show each line of the run's log once, in order, until the container has ended or is gone.

    A lost connection, a moved host, a restarted Docker daemon: asked again, for up to *patience_s* without contact.
    Raises HostUnreachable after that; the run itself goes on.
    """
    place = Place()
    contact_at = now()
    while True:
        try:
            heard = _listen(connect(), docker, run, show, place)
        except (HostUnreachable, AwsFailed):  # the laptop's own network may be what is away
            heard = Heard(contact=False, ended=False)
        if heard.ended:
            return
        moment = now()
        if heard.contact:
            contact_at = moment
        if moment - contact_at > patience_s:
            raise HostUnreachable(
                f"No word of run {run} for {patience_s / 60:.0f} minutes. "
                "The run itself does not need this connection.",
                "`rig logs` follows it again, `rig status` shows the instance",
            )
        tell("The connection was lost; the run goes on. Asking again ...")
        sleep(1)


@dataclass(frozen=True)
class Heard:
    """One stream read to its end. *contact*: the host answered at all. *ended*: Docker says the run is over."""

    contact: bool
    ended: bool


def _listen(host: Host, docker: Sequence[str], run: str, show: Callable[[str], None], place: Place) -> Heard:
    """Read one stream: a greeting, the log from *place* on, and when that ends, what has become of the container."""
    place.rewind()
    process = host.stream(
        ["echo", GREETING],
        docker_logs(docker, run, since=place.time),
        ["printf", r"\n%s\n", LAST],  # a job's last line may lack its end
        docker_last_line(docker, run),
        ["echo"],
        docker_state(docker, run),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Ctrl-C is for us alone: it detaches, and must not tear the shared connection down.
        start_new_session=True,
    )
    contact, last, is_new = False, "", place.is_new
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            if not raw.endswith(b"\n"):
                break  # cut in the middle of a line: the next stream brings it whole
            line = raw.decode(errors="replace").rstrip("\n")
            moment, _, text = line.partition(" ")
            if line == LAST:
                is_new = place.is_later
            elif not _is_time(moment):
                contact, last = contact or line.endswith(GREETING), line
            elif is_new(moment):
                show(text)
        answered = process.wait() != DROPPED
        return Heard(contact, ended=answered and (_NO_SUCH in last or _says_ended(last)))
    finally:
        process.terminate()
        process.wait()


def _is_time(word: str) -> bool:
    # "2026-11-20T15:53:01.123456789Z"; anything else is ssh, Docker complaining, or the state at the end.
    return len(word) > 20 and word[4:5] == "-" and word[10:11] == "T"


def _says_ended(line: str) -> bool:
    try:
        return json.loads(line)["Running"] is False
    except (ValueError, KeyError, TypeError):
        return False


def silent(said: str) -> HostUnreachable:
    """The daemon is restarting, most likely; the caller asks again."""
    return HostUnreachable(f"Docker on the host does not answer: {said.strip()}", "`rig ssh` opens a shell there")
