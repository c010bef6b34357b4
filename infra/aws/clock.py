"""Waiting, as a value: tests and the rehearsal's fast clock hand in their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """*now* counts seconds from anywhere, and never goes back; *sleep* passes that many."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ticks(self, *, for_s: float, every_s: float) -> Iterator[float]:
        """Yield the seconds gone by: at once, then every *every_s*, and a last time when *for_s* are over."""
        begun = self.now()
        while (gone := self.now() - begun) < for_s:
            yield gone
            self.sleep(min(every_s, max(0.0, for_s - (self.now() - begun))))
        yield gone


REAL = Clock()
