"""Folders that several pulls use at once: shared by those that are under way, or held by one. A lock goes with its
process, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def share(folder: Path) -> int:
    """*folder*, made if need be, and open; who has it so may count on it to stay."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # removed in this moment, by one who thought he was the last
            opened = os.open(folder, os.O_RDONLY)
            fcntl.flock(opened, fcntl.LOCK_SH)
            if os.path.samestat(os.fstat(opened), os.stat(folder)):
                return opened
            os.close(opened)


@contextmanager
def hold(folder: Path) -> Iterator[bool]:
    """Whether *folder* is ours alone meanwhile."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        yield try_lock(opened)
    finally:
        os.close(opened)


def try_lock(opened: int) -> bool:
    """Whether it is ours alone from now on."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
