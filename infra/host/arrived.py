"""A file of a run that has come to this computer, and is to be put down."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import IO

from infra.host.listing import File

_CHUNK = 1 << 20
_LARGE = 16 << 20  # below, a thread costs more than it brings
NEVER = Event()
_AT_ONCE = min(4, os.cpu_count() or 1)  # more only wait for the disk


@dataclass(frozen=True, slots=True)
class Arrived:
    """It lies in *path*; *what* is its SHA-256, *size* and *mtime_ns* are those it has there."""

    file: File
    path: str
    what: str
    size: int
    mtime_ns: int


def take_in_all(arrived: Sequence[tuple[File, str]]) -> Iterator[Arrived | OSError]:
    """What `take_in` makes of each, in this order. Large ones are summed up side by side: each takes a core."""
    interrupted = Event()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        large = {path: pool.submit(take_in, file, path, interrupted) for file, path in arrived if file.size >= _LARGE}
        try:
            for file, path in arrived:
                try:
                    yield large[path].result() if path in large else take_in(file, path)
                except OSError as error:
                    yield error
        finally:  # who interrupts does not wait for the sums of gigabytes
            interrupted.set()


def take_in(file: File, path: str, interrupted: Event = NEVER) -> Arrived:
    """Sum up what has come to *path*, and give it the mode and the times of *file*. Raises OSError."""
    with open(path, "rb", buffering=0) as content:
        number, what = content.fileno(), sha256(content, interrupted)
        mode = stat.S_IMODE(os.fstat(number).st_mode)
        wanted = mode | (mode & 0o444) >> 2 if file.executable else mode & ~0o111
        if wanted != mode:
            os.chmod(number, wanted)
        if os.fstat(number).st_mtime_ns != file.mtime_ns:
            with contextlib.suppress(OSError, OverflowError):  # an age this disk cannot tell
                os.utime(number, ns=(file.mtime_ns, file.mtime_ns))
        found = os.fstat(number)
    return Arrived(file, path, what, found.st_size, found.st_mtime_ns)


def sha256(file: IO[bytes], interrupted: Event = NEVER) -> str:
    digest = hashlib.sha256()
    while (chunk := file.read(_CHUNK)) and not interrupted.is_set():
        digest.update(chunk)
    return digest.hexdigest()
