"""Bringing channels to mean 0 and spread 1, within each operating condition, as learnt from training units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.statistics import Statistics, statistics_of, together
from training.prognostics.windows import UnitLog

Array = NDArray[np.floating]

CONSTANT = 1e-4
"""A channel whose spread is below this part of its size is taken for constant: noise of the last printed digit."""

ROWS_EACH = 10
"""A mean and a spread learnt from fewer rows than this, on the average of all conditions, tell nothing."""

MOST_CONDITIONS = 200
"""More are a quantity that varies, not ways to run a unit; and each row is compared with every one of them."""

MARGIN = 1.0
"""A channel is outside what training showed where it is beyond by more than so many spreads: units differ."""

FAR = 1e30
"""Spreads: no value is shown farther from the mean, for sums and differences of such are numbers in 32 bits, too."""

HALF = 0.5 + 1e-3
"""Conditions are told apart by whole numbers."""


@dataclass(frozen=True)
class Scaling:
    """Channels that tell nothing (constant within every condition) are left out of the result."""

    kept: tuple[int, ...]
    """Which of the log's channels remain."""
    centres: Array
    """(conditions, condition columns): a row belongs to the nearest."""
    mean: Array
    """(conditions, kept)"""
    spread: Array
    """(conditions, kept), nowhere 0"""
    low: Array = field(default_factory=lambda: np.array(-np.inf))
    high: Array = field(default_factory=lambda: np.array(np.inf))
    """(kept,) the least and the greatest that training units showed, as scaled."""

    def apply(self, values: Array, conditions: Array) -> Array:
        """Return (rows, kept) float32; a value that was never known becomes 0, the mean."""
        # With one condition all rows share one mean: no copy of it for each row.
        place = self._nearest(conditions) if len(self.centres) > 1 else 0
        kept = values if self.kept == tuple(range(values.shape[1])) else values[:, list(self.kept)]
        scaled = np.subtract(kept, self.mean[place], dtype=np.float64)
        scaled /= self.spread[place]
        if np.isnan(scaled.min(initial=0)):
            scaled[np.isnan(scaled)] = 0.0
        return np.clip(scaled, -FAR, FAR, out=scaled).astype(np.float32)

    def of(self, channel: int) -> Scaling:
        """That of one *channel*, which is kept; it is then the only one of its rows."""
        place = self.kept.index(channel)
        here = slice(place, place + 1)
        return Scaling((0,), self.centres, self.mean[:, here], self.spread[:, here])

    def outside(self, scaled: Array, conditions: Array) -> NDArray[np.intp]:
        """For each row: how many channels are beyond what training units showed, and one more where the way it was run
        never came up there.
        """
        beyond = (scaled < self.low - MARGIN) | (scaled > self.high + MARGIN)
        steps = np.nan_to_num(conditions, nan=np.inf) - self.centres[self._nearest(conditions)]
        unseen = (np.abs(steps) > HALF).any(axis=1)
        return np.asarray(beyond.sum(axis=1) + unseen, dtype=np.intp)

    def _nearest(self, conditions: Array) -> NDArray[np.intp]:
        if len(self.centres) == 1:
            return np.zeros(len(conditions), dtype=np.intp)
        size = np.maximum(np.ptp(self.centres, axis=0), 1e-9)
        steps = (np.nan_to_num(conditions)[:, None] - self.centres[None]) / size
        nearest: NDArray[np.intp] = np.argmin(np.sum(np.square(steps), axis=2), axis=1)
        return nearest

    def as_json(self) -> dict[str, Any]:
        return {
            "kept": list(self.kept),
            "centres": self.centres.tolist(),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scaling:
        tables = {name: np.asarray(data[name], dtype=np.float64) for name in ("centres", "mean", "spread")}
        seen = {name: np.asarray(data[name], dtype=np.float64) for name in ("low", "high") if name in data}
        return cls(kept=tuple(int(number) for number in data["kept"]), **tables, **seen)


def fit_scaling(logs: Sequence[UnitLog], *, conditions: Sequence[str] = ()) -> Scaling:
    """Learn from *logs*, which must be training units only. Raises BadData, naming the columns *conditions*, where they
    are too many to learn from.

    Conditions are told apart by their columns rounded to whole numbers. In C-MAPSS FD002 and FD004 that gives the six
    flight conditions; where the columns are constant, or absent, it gives one.
    """
    return scaling_from(statistics_of(logs), conditions=conditions)


def scaling_from(found: Statistics, *, conditions: Sequence[str] = ()) -> Scaling:
    """As fit_scaling, from what is known of each training unit."""
    centres, place = np.unique(found.conditions, axis=0, return_inverse=True)
    place = place.ravel() if found.conditions.shape[1] else np.zeros(len(found.rows), dtype=np.intp)
    centres = centres if found.conditions.shape[1] else np.zeros((1, 0))
    _few_conditions(len(centres), int(found.rows.sum()), conditions)
    _, mean, spread = together(found, place, len(centres))
    telling = spread > CONSTANT * np.maximum(np.abs(mean), 1e-9)
    kept = tuple(np.flatnonzero(telling.any(axis=0)).tolist())
    usable = np.where(telling, spread, 1.0)[:, kept]
    scaling = Scaling(kept=kept, centres=centres, mean=mean[:, kept], spread=usable)
    low, high = _range(scaling, found, place)
    return replace(scaling, low=low, high=high)


def _range(scaling: Scaling, found: Statistics, place: NDArray[np.intp]) -> list[Array]:
    """The least and the greatest of each channel, as scaled, which keeps order. A missing value is scaled to 0."""
    kept = list(scaling.kept)
    gaps = (found.known[:, kept] < found.rows[:, None]).any(axis=0)
    ends = []
    for name, extreme in (("low", np.minimum), ("high", np.maximum)):
        values = getattr(found, name)[:, kept]
        scaled = (np.where(np.isfinite(values), values, np.nan) - scaling.mean[place]) / scaling.spread[place]
        whole = extreme.reduce(np.nan_to_num(scaled, nan=0.0).astype(np.float32), axis=0)
        ends.append(np.where(gaps, extreme(whole, np.float32(0)), whole))
    return ends


def _few_conditions(count: int, rows: int, columns: Sequence[str]) -> None:
    if count > 1 and (count > MOST_CONDITIONS or rows < ROWS_EACH * count):
        named = f" ({', '.join(columns)})" if columns else ""
        raise BadData(
            f"the conditions{named} have {count:,} different values in {rows:,} rows: too many to scale each by itself "
            f"(at most {MOST_CONDITIONS}, and {ROWS_EACH} rows each on the average)",
            "A condition is a setting with a few values, like a gear.\n"
            "List a column that takes any value, like a speed or a temperature, under channels instead.",
        )


def silent_channels(logs: Sequence[UnitLog], names: Sequence[str]) -> list[str]:
    """What is wrong with each channel that tells nothing anywhere: "heat: never measured", "noise: always 3"."""
    values = np.concatenate([log.values for log in logs])
    return [f"{name}: {_silence(column[~np.isnan(column)])}" for name, column in zip(names, values.T, strict=True)]


def _silence(known: Array) -> str:
    if not len(known):
        return "never measured"
    low, high = known.min(), known.max()
    return f"always {low:g}" if low == high else f"constant within every condition, from {low:g} to {high:g} over all"
