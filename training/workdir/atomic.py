"""Files that are there whole or not at all: written aside, flushed, renamed, and the folder flushed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import name_full_disk
from training.workdir.names import ASIDE


@contextmanager
def replace_when_whole(path: Path, what: str) -> Iterator[Path]:
    """Give a path beside *path* to write and flush; when the block is done, that file takes the place of *path*.

    Raises DiskFull, which says that *what* is lost; what stood at *path* stays then.
    """
    with name_full_disk(path, what), tempfile.TemporaryDirectory(dir=path.parent, prefix=ASIDE) as folder:
        aside = Path(folder) / path.name
        yield aside
        aside.replace(path)
        flush(path.parent)


def replace_text(path: Path, text: str, what: str) -> None:
    """Write *text* to *path*, whole or not at all. Raises DiskFull."""
    with replace_when_whole(path, what) as aside, aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def clear_aside(folder: Path) -> None:
    """Remove what a killed run was writing; it has no name of its own yet, so nothing refers to it."""
    for left in folder.glob(f"{ASIDE}*"):
        shutil.rmtree(left, ignore_errors=True)


def flush(path: Path) -> None:
    """Put a file, or the names in a folder, on the disk.

    A rename is only durable once its folder is: https://man7.org/linux/man-pages/man2/fsync.2.html
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
