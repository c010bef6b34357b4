"""Two sides take turns, so that a busy computer troubles both alike: a ratio, its range, and the bound it must keep."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Side = Callable[[int], object]
"""One measurement; told the number of the turn, from 0."""


@dataclass(frozen=True)
class Row:
    """Seconds of each turn, ours and the floor's. *most*: what ours, less *extra_s* seconds, may be of the floor."""

    title: str
    floor: str
    ours: list[float]
    plain: list[float]
    most: float
    extra_s: float = 0.0

    @property
    def ratios(self) -> list[float]:
        return [max(a - self.extra_s, 0.0) / b for a, b in zip(self.ours, self.plain, strict=True)]

    @property
    def is_kept(self) -> bool:
        return statistics.median(self.ratios) <= self.most

    def __str__(self) -> str:
        ours, plain = statistics.median(self.ours), statistics.median(self.plain)
        free = f", {self.extra_s * 1000:.0f} ms free" if self.extra_s else ""
        return (
            f"{self.title:<34} {ours:8.3f} s {plain:8.3f} s  {statistics.median(self.ratios):5.2f}"
            f" ({min(self.ratios):.2f} to {max(self.ratios):.2f})  at most {self.most:g}{free}:"
            f" {'kept' if self.is_kept else 'MISSED'}   floor: {self.floor}"
        )


HEAD = f"{'':<34} {'ours':>10} {'floor':>10}  ratio (range)"


def take_turns(title: str, floor: str, ours: Side, plain: Side, *, n: int, most: float, extra_s: float = 0.0) -> Row:
    """Measure each side *n* times, after one turn that warms the caches of both; print the row and return it."""
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for turn in range(n + 1):
        for name, side in (("ours", ours), ("plain", plain)):
            began = time.perf_counter()
            side(turn)
            if turn:
                seconds[name].append(time.perf_counter() - began)
    row = Row(title, floor, seconds["ours"], seconds["plain"], most, extra_s)
    print(row, flush=True)
    return row
