"""Programs of this computer that serve a command, and end with it: ssh, rsync, TensorBoard."""

from __future__ import annotations

import atexit
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from infra.errors import MissingProgram
from infra.signals import answered_by

_BEGUN: WeakSet[subprocess.Popen[bytes]] = WeakSet()
_BEGINNING = threading.Lock()


def local_process(line: Sequence[str], **popen: Any) -> subprocess.Popen[bytes]:
    """Start a program of this computer. Raises MissingProgram, which says how to get it."""
    try:
        with _signals_wait(), _BEGINNING:
            process = subprocess.Popen(list(line), **popen)
            _BEGUN.add(process)
    except FileNotFoundError:
        raise missing(line[0]) from None
    return process


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Ctrl-C and SIGTERM are answered behind the block. In between a program runs that nobody knows yet: it would not
    be ended with us."""
    came: list[int] = []
    # One that is ignored, or ends us without Python, stays so.
    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(number))]
    try:
        with answered_by(lambda number, _: came.append(number), *heard):
            yield
    finally:
        if came:
            signal.raise_signal(max(came))  # of both SIGTERM: Ctrl-C may be meant for what runs over there


@atexit.register
def end_programs() -> None:
    """Ask all that still run to end, and start none any more: we leave, and nobody else would end them.

    Ctrl-C in a terminal is heard by them, too; that of an editor's stop button by us alone.
    """
    _BEGINNING.acquire()  # for good: a thread that is about to start one waits until it is gone with us
    for process in _BEGUN:
        with suppress(OSError):
            process.terminate()


def require(program: str) -> None:
    """Raises MissingProgram now rather than when money is spent already."""
    if not shutil.which(program):
        raise missing(program)


def missing(program: str) -> MissingProgram:
    packages = {"ssh": "openssh-client", "ssh-keygen": "openssh-client"}
    return MissingProgram(
        f"The program {program} is not on this computer.",
        f"Debian, Ubuntu: sudo apt install {packages.get(program, program)}\nmacOS: brew install {program}",
    )
