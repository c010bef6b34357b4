"""A file of a run that has come to this computer, and is to be put down."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from typing import IO

from infra.host.listing import File

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Arrived:
    """It lies in *path*; *what* is its SHA-256, *size* and *mtime_ns* are those it has there."""

    file: File
    path: str
    what: str
    size: int
    mtime_ns: int


def take_in(file: File, path: str) -> Arrived:
    """Sum up what has come to *path*, and give it the mode and the times of *file*. Raises OSError."""
    with open(path, "rb", buffering=0) as content:
        number, what = content.fileno(), sha256(content)
        mode = stat.S_IMODE(os.fstat(number).st_mode)
        wanted = mode | (mode & 0o444) >> 2 if file.executable else mode & ~0o111
        if wanted != mode:
            os.chmod(number, wanted)
        if os.fstat(number).st_mtime_ns != file.mtime_ns:
            with contextlib.suppress(OSError, OverflowError):  # an age this disk cannot tell
                os.utime(number, ns=(file.mtime_ns, file.mtime_ns))
        found = os.fstat(number)
    return Arrived(file, path, what, found.st_size, found.st_mtime_ns)


def sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
