"""MANIFEST.sha256: what a run left, in sha256sum's own format, so that any name fits and `sha256sum --check` reads it.

A line whose name has a backslash or a line end begins with a backslash, and has them escaped. Older recorders escaped
nothing; their lines are read as they are.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator

from infra.host.foreign import inside, is_digest

NAME = "MANIFEST.sha256"
_ESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


def read(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Path and SHA-256. Lines that are none are passed over: what they may have named is found by its absence here."""
    for whole in lines:
        line = whole.rstrip(b"\n")
        escaped = line.startswith(b"\\")
        said, _, name = line[escaped:].partition(b"  ")
        with contextlib.suppress(ValueError):
            path = inside(os.fsdecode(_unescape(name) if escaped else name))
            if is_digest(digest := said.decode("ascii")):
                yield path, digest


def line_of(path: str, digest: str) -> bytes:
    """As the recorder writes it, and `sha256sum --check` reads it."""
    name = os.fsencode(path)
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != name else b"") + digest.encode() + b"  " + escaped + b"\n"


def _unescape(name: bytes) -> bytes:
    return re.sub(rb"\\[\\nr]", lambda found: _ESCAPES[found[0]], name)
