"""What a run says on standard output: plain lines in a log, one moving line on a terminal.

A line that begins with "[ 42%] " moves the progress bar of whoever follows the run; infra relies on it.
"""

from __future__ import annotations

import re
import sys
import time
from typing import Final, TextIO

QUIET_S = 1.0
# What a terminal would obey, not show: controls but tab and newline, line separators, what turns the order of letters
# round, and halves of surrogate pairs. A column's name or a file's may hold any of them.
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """*text* as a terminal may be given it."""
    return _NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)


class Console:
    def __init__(self, out: TextIO | None = None) -> None:
        self.out = sys.stdout if out is None else out
        self.terminal = self.out.isatty()
        self._moving = False
        self._last = -QUIET_S

    def say(self, text: str) -> None:
        self._write(text, moving=False)

    def progress(self, fraction: float, text: str, *, always: bool = False) -> None:
        """Say how far the whole run is; at most once a second unless *always*."""
        now = time.monotonic()
        if always or now - self._last >= QUIET_S:
            self._last = now
            self._write(f"[{100 * fraction:3.0f}%] {text}", moving=self.terminal and not always)

    def _write(self, text: str, *, moving: bool) -> None:
        over = "\r\033[K" if self._moving else ""
        self.out.write(over + plain(text) + ("" if moving else "\n"))
        self.out.flush()
        self._moving = moving


def number(value: float) -> str:
    """Four decimals, or as many digits as a very small or a large number needs: "0.9877", "5.02e-05", "1,234.57"."""
    if 0 < abs(value) < 0.001:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.2f}"


def duration(seconds: float) -> str:
    """ "0:07", "12:30", "3:02:01"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
