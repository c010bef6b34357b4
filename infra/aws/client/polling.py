"""Waiting, as a value: tests hand in a clock that does not wait; every command takes the real one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """*now* counts seconds from anywhere, and never goes back; *sleep* passes that many."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ticks(self, *, for_s: float, every_s: float, first_s: float = 0.0) -> Iterator[float]:
        """Yield the seconds gone by: at once, then every *every_s*, and a last time when *for_s* are over.

        *first_s*: the first pause, if shorter; the next ones double until they are *every_s*.
        """
        begun, pause_s = self.now(), first_s or every_s
        while (gone := self.now() - begun) < for_s:
            yield gone
            self.sleep(min(pause_s, max(0.0, for_s - (self.now() - begun))))
            pause_s = min(every_s, 2 * pause_s)
        yield gone


REAL = Clock()
