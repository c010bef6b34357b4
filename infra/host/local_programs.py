"""Programs of this computer that serve a command, and end with it: ssh, rsync, TensorBoard."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Any
from weakref import WeakSet

from infra.errors import MissingProgram

_BEGUN: WeakSet[subprocess.Popen[bytes]] = WeakSet()
_BEGINNING = Lock()


def local_process(line: Sequence[str], **popen: Any) -> subprocess.Popen[bytes]:
    """Start a program of this computer. Raises MissingProgram, which says how to get it."""
    try:
        with _BEGINNING:
            process = subprocess.Popen(list(line), **popen)
            _BEGUN.add(process)
    except FileNotFoundError:
        raise missing(line[0]) from None
    return process


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
