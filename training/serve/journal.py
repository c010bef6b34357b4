"""A journal: records that are on the disk before anybody is told that they were taken.

    record = length (4 bytes) + CRC-32 of the payload (4 bytes), little-endian + payload

A process that is killed while it writes leaves a record that is cut short: nobody was told of it, and it is taken off.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

HEAD: Final = struct.Struct("<II")
_to_disk = getattr(os, "fdatasync", os.fsync)  # macOS has fsync alone


class Journal:
    """One file, open for adding. What stood in it stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        self.size = os.fstat(self._handle).st_size

    def append(self, payload: bytes) -> None:
        """On the disk when it returns. Raises OSError (a full disk), and then the journal is as it was before."""
        record = HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            _write_all(self._handle, record)
            _to_disk(self._handle)
        except OSError:
            os.ftruncate(self._handle, self.size)
            raise
        self.size += len(record)

    def close(self) -> None:
        os.close(self._handle)


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def read_journal(path: Path) -> Iterator[bytes]:
    """The payloads of all whole records; what is behind the last one is taken off the file."""
    whole = 0
    with path.open("rb") as file:
        while (payload := _next(file)) is not None:
            whole += HEAD.size + len(payload)
            yield payload
    if whole < path.stat().st_size:
        os.truncate(path, whole)


def _next(file: BinaryIO) -> bytes | None:
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    length, checksum = HEAD.unpack(head)
    payload = file.read(length)
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None
