"""The rehearsal's time, which can run faster than the world's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

SPEED: Final = "RIG_REHEARSAL_CLOCK"  # "600x": ten minutes pass in one second
START: Final = "RIG_REHEARSAL_CLOCK_START"  # seconds since 1970 at which both clocks showed the same


@dataclass(frozen=True)
class Clock:
    speed: float = 1.0
    start: float = 0.0

    def time(self) -> float:
        """Seconds since 1970, as the rehearsal sees it."""
        return self.start + (time.time() - self.start) * self.speed

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), timezone.utc)

    def really(self, seconds: float) -> float:
        """How many of the world's seconds *seconds* of the rehearsal take."""
        return seconds / self.speed

    def environment(self) -> dict[str, str]:
        return {SPEED: f"{self.speed:g}x", START: repr(self.start)}


def from_environment(environ: Mapping[str, str]) -> Clock:
    """Raises ValueError when the speed is not a positive number, with or without an x."""
    speed = float(environ.get(SPEED, "1x").rstrip("x"))
    if not 0 < speed < float("inf"):
        raise ValueError(f"{SPEED} must be a positive number such as 600x")
    return Clock(speed, float(environ.get(START, time.time())))
