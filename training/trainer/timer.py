"""Where the time goes: seconds by activity, over all parts of a run that was resumed."""

from __future__ import annotations

import time
from collections.abc import Mapping


class Timer:
    """One activity is on at a time, so that each second is counted once."""

    def __init__(self, activity: str) -> None:
        self._spent: dict[str, float] = {}
        self._activity, self._since = activity, time.perf_counter()

    def switch(self, activity: str) -> None:
        now = time.perf_counter()
        self._spent[self._activity] = self._spent.get(self._activity, 0.0) + now - self._since
        self._activity, self._since = activity, now

    def add(self, before: Mapping[str, float]) -> None:
        """Take over the seconds of an earlier part of the run."""
        for activity, seconds in before.items():
            self._spent[activity] = self._spent.get(activity, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        self.switch(self._activity)
        return dict(self._spent)

    def total(self) -> float:
        return sum(self.seconds().values())
