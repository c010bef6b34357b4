"""What time it is, from sources that a wrong clock on this machine cannot spoil."""

from __future__ import annotations

import json
import os
import time
import uuid


def boot_clock() -> float:
    """Seconds that only go forward, and also count while a virtual machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clock:
    """The running time of this boot, and the time of day as EC2 sees it.

    Running time counts from the first guard of a boot: it leaves a mark in *run_dir*, which is empty after a boot.
    The time of day is the Date that instance metadata last gave, carried on by the running time. Before the first
    answer it is the system's clock, which is at least not earlier than the launch.
    *speed* is for rehearsals: it makes the running time pass faster.
    """

    def __init__(self, run_dir: str, launched_at: float, speed: float = 1.0) -> None:
        self.speed = speed
        self._launched_at = launched_at
        self.boot, self._started = _this_boot(os.path.join(run_dir, "boot"))
        self._told: float | None = None
        self._told_at = 0.0

    def up_s(self) -> float:
        return (boot_clock() - self._started) * self.speed

    def take_date(self, date: float | None) -> None:
        if date is not None:
            self._told, self._told_at = date, self.up_s()

    def wall(self) -> float:
        if self._told is None:
            return max(time.time(), self._launched_at)
        return self._told + self.up_s() - self._told_at

    def really(self, seconds: float, at_least: float = 0.0) -> float:
        """How many of the world's seconds to wait for *seconds* to pass here."""
        return max(at_least, seconds / self.speed)


def _this_boot(mark: str) -> tuple[str, float]:
    try:
        with open(mark) as file:
            boot, started = json.load(file)
        if str(boot) and 0 <= started <= boot_clock():
            return str(boot), float(started)
    except (OSError, ValueError, TypeError):
        pass  # no mark, or not ours: the first guard of this boot
    boot, started = uuid.uuid4().hex, boot_clock()
    try:
        with open(mark, "w") as file:
            json.dump([boot, started], file)
    except OSError:
        pass  # then a restarted guard takes itself for a reboot, and still adds the running time up
    return boot, started
