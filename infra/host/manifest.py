"""MANIFEST.sha256: what a run left, in sha256sum's own format, so that any name fits and `sha256sum --check` reads it.

A line whose name has a backslash or a line end begins with a backslash, and has them escaped. Older recorders escaped
nothing; their lines are read as they are.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Mapping

from infra.host.foreign import inside, is_digest

NAME = "MANIFEST.sha256"
_ESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


def read(content: bytes) -> dict[str, str]:
    """Path -> SHA-256. Lines that are none are passed over: what they may have named is found by its absence here."""
    found = {}
    for whole in io.BytesIO(content):  # a line at a time: of a hundred thousand files no list of lines is needed
        line = whole.rstrip(b"\n")
        escaped = line.startswith(b"\\")
        said, _, name = line[escaped:].partition(b"  ")
        with contextlib.suppress(ValueError):
            path = inside(os.fsdecode(_unescape(name) if escaped else name))
            if is_digest(digest := said.decode("ascii")):
                found[path] = digest
    return found


def write(digests: Mapping[str, str]) -> bytes:
    """The same bytes as the recorder's own: by name, as bytes compare."""
    by_name = {os.fsencode(path): said for path, said in digests.items()}
    return b"".join(_line(name, by_name[name]) for name in sorted(by_name))


def _line(name: bytes, said: str) -> bytes:
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != name else b"") + said.encode() + b"  " + escaped + b"\n"


def _unescape(name: bytes) -> bytes:
    return re.sub(rb"\\[\\nr]", lambda found: _ESCAPES[found[0]], name)
