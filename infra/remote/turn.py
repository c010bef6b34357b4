"""Whose turn it is on this machine: runs that wait begin one after the other, in the order in which they were started.

Each run's recorder holds a ticket, a file that it keeps locked for as long as it lives; the kernel gives the lock back
however it dies. One that waits looks whether a ticket before its own is held. So the queue needs no program of its own
and no laptop: a run that waits is a container like any other, which the guard sees and `docker stop` ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

WAITS, RUNS = "waits", "runs"
LOOK_EVERY_S = 0.5
_TICKET = re.compile(r"(\d{6,})-(.+)", re.ASCII)


class Ticket:
    """A place in the queue at *path*, held through *lock*."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self._lock = path, lock

    def say(self, state: str) -> None:
        """Write whether its run waits or runs, for who looks (host_facts.py)."""
        with suppress(OSError):  # a full disk: the queue goes on without it
            os.truncate(self._lock, 0)
            os.pwrite(self._lock, state.encode(), 0)

    def ahead(self) -> list[str]:
        """The runs before this one that have not ended."""
        return [run for path, run in tickets(self.path.parent) if path.name < self.path.name and _is_held(path)]


def tickets(queue: Path) -> list[tuple[Path, str]]:
    """Every ticket, first to last, with its run."""
    found = [(path, match[2]) for path in sorted(queue.glob("*-*")) if (match := _TICKET.fullmatch(path.name))]
    return sorted(found, key=lambda one: one[0].name)


@contextmanager
def in_line(queue: Path, run: str) -> Iterator[Ticket]:
    """A ticket behind all others, until the block is done. Raises OSError where *queue* cannot be used."""
    ticket = _take(queue, run)
    try:
        yield ticket
    finally:
        with suppress(OSError):  # a disk that is read-only now: the lock goes all the same, and the run's end is told
            ticket.path.unlink()
        os.close(ticket._lock)


@contextmanager
def awaited(announce: Callable[[str], None], asked_to_end: Callable[[], bool]) -> Iterator[None]:
    """Stand in line until the block is done; of a run that is to wait, the block begins when it is its turn, or when it
    is asked to end."""
    queue, run = os.environ.get("RIG_QUEUE", ""), os.environ.get("RIG_RUN", "")
    with ExitStack() as held:
        if queue and os.path.isdir(queue):
            try:
                ticket = held.enter_context(in_line(Path(queue), run))
            except OSError as error:  # a full disk, another user's folder: that is no reason to lose a run
                announce(f"gluon-rig: the queue cannot be used ({error}); this run begins at once\n")
            else:
                if os.environ.get("RIG_WAITS") == "1":
                    _wait(ticket, announce, asked_to_end)
                ticket.say(RUNS)
        yield


def _wait(ticket: Ticket, announce: Callable[[str], None], asked_to_end: Callable[[], bool]) -> None:
    ticket.say(WAITS)
    before: list[str] = []
    while (ahead := ticket.ahead()) and not asked_to_end():
        if ahead != before:
            more = f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""
            announce(f"gluon-rig: waiting for {ahead[0]}{more}\n")
        before = ahead
        time.sleep(LOOK_EVERY_S)


def _take(queue: Path, run: str) -> Ticket:
    counter = os.open(queue / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(counter, fcntl.LOCK_EX)
        last = max((int(path.name.partition("-")[0]) for path, _ in tickets(queue)), default=0)
        path, aside = queue / f"{last + 1:06}-{run}", queue / f".{run}.{os.getpid()}"
        lock = os.open(aside, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        aside.rename(path)  # held before anybody sees it, who would take it for a dead run's
        return Ticket(path, lock)
    finally:
        os.close(counter)


def _is_held(path: Path) -> bool:
    """Whether its run lives. The ticket of one that does not is taken away."""
    try:
        opened = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
