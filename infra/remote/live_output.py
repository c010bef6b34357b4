"""What a job prints: all of it into the log, and to a follower whole lines, while they are printed."""

from __future__ import annotations

import sys
import time
from typing import IO

LIVE_EVERY_S = 1.0
LONGEST_LINE = 1 << 16


def copy(output: IO[bytes], log: IO[bytes]) -> None:
    """Copy *output* to *log* byte by byte, and to our standard output line by line; each goes on without the other."""
    shown = Shown()
    log_takes = screen_takes = True
    while chunk := output.read1(65536):  # type: ignore[attr-defined]  # a pipe of Popen has it, IO does not
        log_takes = log_takes and try_write(log, chunk)
        screen_takes = screen_takes and try_write(sys.stdout.buffer, shown.of(chunk, time.monotonic()))
    try_write(sys.stdout.buffer, shown.rest())


def try_write(taker: IO[bytes], some: bytes) -> bool:
    try:
        taker.write(some)
        taker.flush()
    except OSError:  # the disk is full, or nobody reads
        return False
    return True


class Shown:
    """What a follower is shown of the bytes a job prints: whole lines, and the states of one that is not whole yet.

    tqdm begins its line anew with a carriage return and ends it when it is through, while `docker logs` shows whole
    lines alone. So each state goes out as a line that begins with a carriage return, at most one in LIVE_EVERY_S.
    """

    def __init__(self) -> None:
        self._open = b""
        self._moved_at = -LIVE_EVERY_S

    def of(self, chunk: bytes, now: float) -> bytes:
        *whole, self._open = (self._open + chunk).replace(b"\r\n", b"\n").split(b"\n")
        return b"".join(newest(line) + b"\n" for line in whole) + self._begin(now)

    def rest(self) -> bytes:
        return newest(self._open)

    def _begin(self, now: float) -> bytes:
        state = self._open.rstrip(b"\r")  # the last one may belong to the newline to come
        if b"\r" not in state:
            if len(state) < LONGEST_LINE:
                return b""
            whole, self._open = self._open, b""
            return whole
        before, _, last = self._open.rpartition(b"\r")
        # Earlier states are in the log; the last may have begun with no more than blanks yet.
        self._open = b"\r" + (b"" if last.strip() else newest(before) + b"\r") + last
        if now - self._moved_at < LIVE_EVERY_S:
            return b""
        self._moved_at = now
        return b"\r" + newest(state) + b"\n"


def newest(line: bytes) -> bytes:
    """What of *line* stands on a terminal at the end."""
    return next((part for part in reversed(line.split(b"\r")) if part.strip()), b"")
