"""A project as one packed stream: the first copy to any number of machines is made once, and only sent to each."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 64 << 20
"""Of the files together. What is larger rsync copies, which goes on in the middle of it when the line breaks."""
_LEVEL = 4  # half the time of the usual 6 for 3 % more bytes


def pack(folder: Path, paths: Sequence[str], *, most_bytes: int = MOST_BYTES) -> bytes | None:
    """A gzipped tar of *paths*, relative to *folder*; what has vanished since they were chosen is left out.

    None where they are more than *most_bytes*, or one cannot be read: rsync then says which, or takes the others.
    """
    packed = io.BytesIO()
    try:
        if sum(_size(f"{folder}/{path}") for path in paths) > most_bytes:
            return None
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=_LEVEL) as tar:
            for path in paths:
                with suppress(FileNotFoundError):  # raised before anything of it is in the stream
                    tar.add(folder / path, arcname=path, recursive=False)
    except OSError:
        return None
    return packed.getvalue()


def _size(path: str) -> int:
    with suppress(FileNotFoundError):
        return os.lstat(path).st_size
    return 0
