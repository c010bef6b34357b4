"""Reading a text that may still be growing, in pieces of whole lines: all there is now, then what comes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.02
"""A row waits half of this on the average, and is to be answered within 50 ms; asking costs a thousandth of a core."""
CHUNK_BYTES = 1 << 18
SHOWN_BYTES = 80
Say = Callable[[str], None]


@dataclass(frozen=True)
class Piece:
    lines: list[str]
    number: int
    """Of the first of these lines in its file, from 1."""


class _Lines:
    """Cuts bytes into whole lines and counts them."""

    def __init__(self) -> None:
        self._rest = b""
        self._number = 1

    @property
    def unfinished(self) -> str:
        """The beginning of the line that has no end yet."""
        return self._rest[:SHOWN_BYTES].decode("utf-8", errors="replace")

    def add(self, content: bytes) -> Iterator[Piece]:
        whole, newline, self._rest = (self._rest + content).rpartition(b"\n")
        if newline:
            yield self._piece(whole.split(b"\n"))

    def end(self) -> Iterator[Piece]:
        if self._rest:
            yield self._piece([self._rest])

    def _piece(self, lines: list[bytes]) -> Piece:
        number, self._number = self._number, self._number + len(lines)
        return Piece([line.decode("utf-8", errors="replace").rstrip("\r") for line in lines], number)


def read_whole(descriptor: int) -> Iterator[Piece]:
    """To the end of the file, or of the pipe. From a pipe a piece is what has arrived: nothing waits for more."""
    lines = _Lines()
    while content := os.read(descriptor, CHUNK_BYTES):
        yield from lines.add(content)
    yield from lines.end()


def follow(path: Path, say: Say) -> Iterator[Piece]:
    """Without end, as `tail -F` does: a log that is cut back or replaced is read again from its first line (number 1).

    A last line without its newline waits until the writer has finished it; where it never does, that is said.
    """
    while True:
        with path.open("rb") as file:
            yield from _while_the_same(file.fileno(), path, say)


def _while_the_same(descriptor: int, path: Path, say: Say) -> Iterator[Piece]:
    lines = _Lines()
    yield from _all_there_is(descriptor, lines)
    while not _is_replaced(descriptor, path):
        time.sleep(POLL_S)
        yield from _all_there_is(descriptor, lines)
    yield from _all_there_is(descriptor, lines)  # written after the last read, before the log was moved away
    if lines.unfinished:
        say(f"{path}: the log was replaced, and its last line, which had no end yet, is lost: '{lines.unfinished}'")


def _all_there_is(descriptor: int, lines: _Lines) -> Iterator[Piece]:
    while content := os.read(descriptor, CHUNK_BYTES):
        yield from lines.add(content)


def _is_replaced(descriptor: int, path: Path) -> bool:
    opened = os.fstat(descriptor)
    try:
        named = path.stat()
    except FileNotFoundError:  # between the two steps of a rotation: the old file may still get lines
        return False
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    return (opened.st_dev, opened.st_ino) != (named.st_dev, named.st_ino) or named.st_size < position
