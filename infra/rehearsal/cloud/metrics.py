"""What CloudWatch would know of an instance: how busy it was, and whether it answers.

Points lie one period of five minutes apart or closer, in the rehearsal's time, and only while the instance runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

KEPT_S: Final = 3 * 3600.0
STATISTICS: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
    "SampleCount": len,
    "Average": lambda values: sum(values) / len(values),
}


@dataclass(frozen=True)
class Point:
    at: float
    value: float


class Metrics:
    """By instance and metric name."""

    def __init__(self) -> None:
        self._points: dict[tuple[str, str], deque[Point]] = {}

    def add(self, instance_id: str, name: str, at: float, value: float) -> None:
        points = self._points.setdefault((instance_id, name), deque())
        points.append(Point(at, value))
        while points[0].at < at - KEPT_S:
            points.popleft()

    def periods(
        self, instance_id: str, name: str, *, since: float, until: float, period_s: float, statistic: str
    ) -> list[float | None]:
        """One value per whole period between *since* and *until*, newest first; None: no point fell in it."""
        points = self._points.get((instance_id, name), ())
        found: list[float | None] = []
        end = until
        while end - period_s >= since:
            values = [point.value for point in points if end - period_s < point.at <= end]
            found.append(STATISTICS[statistic](values) if values else None)
            end -= period_s
        return found
