"""How far a told remaining life may be off: an interval that holds the truth nine times in ten, for units never seen.

Split conformal prediction on the validation units, of whose failures the net has learnt nothing. Rows of one unit
resemble each other, so units count, not rows: each unit weighs alike, and one of infinite error stands for the unit to
come. So the promise needs at least nine validation units; with fewer there is no interval.

Quantile heads were weighed: they need the same calibration before they promise anything (Romano, Patterson, Candès,
"Conformalized quantile regression", NeurIPS 2019), and a net that is trained otherwise. How the error grows with the
told life is learnt from training rows instead; that changes how wide the interval is and where, not what it promises.

Source: Lee, Barber, Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342, 2023; the idea is
that of Dunn, Wasserman, Ramdas, "Distribution-free prediction sets for two-layer hierarchical models", JASA 2023.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

LEVEL: Final = 0.9
FEWEST_UNITS: Final = math.ceil(LEVEL / (1 - LEVEL) - 1e-9)
"""K units can promise K / (K + 1) at most."""

PLACES: Final = 8
"""At so many told lives the usual error is learnt."""

LEAST: Final = 0.01
"""Of the cap: the usual error is never taken for smaller than this."""


@dataclass(frozen=True)
class Spread:
    """The usual error of a told life: how far below it the truth is, and how far above it, at a few told lives."""

    told: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]

    def around(self, life: Array) -> tuple[Array, Array]:
        """(rows,) each"""
        return np.interp(life, self.told, self.below), np.interp(life, self.told, self.above)


@dataclass(frozen=True)
class Interval:
    """Told lives to intervals. *factor* is how many usual errors hold the truth at LEVEL for a unit never seen."""

    spread: Spread
    factor: float
    cap: float
    units: int
    """That it was calibrated on."""

    def around(self, life: Array) -> tuple[Array, Array]:
        """(rows,) each: the low and the high end, from 0 to the cap; the cap means: that long, or longer."""
        below, above = self.spread.around(life)
        return (
            np.clip(life - self.factor * below, 0.0, self.cap),
            np.clip(life + self.factor * above, 0.0, self.cap),
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Interval:
        spread = Spread(**{name: tuple(map(float, part)) for name, part in data["spread"].items()})
        return cls(spread, factor=float(data["factor"]), cap=float(data["cap"]), units=int(data["units"]))


def fit_spread(told: Array, true: Array, *, cap: float) -> Spread:
    """From (rows,) that the net has learnt from: its errors there are too small, but grow where others do."""
    edges = np.quantile(told, np.linspace(0, 1, PLACES + 1))
    place = np.clip(np.searchsorted(edges, told, side="right") - 1, 0, PLACES - 1)
    groups = [place == number for number in range(PLACES) if (place == number).any()]
    late, early = np.maximum(told - true, 0.0), np.maximum(true - told, 0.0)
    # interp wants rising places; equal edges leave groups empty, so means of those that are there do rise.
    return Spread(
        told=tuple(float(told[here].mean()) for here in groups),
        below=tuple(max(LEAST * cap, _root_mean_square(late[here])) for here in groups),
        above=tuple(max(LEAST * cap, _root_mean_square(early[here])) for here in groups),
    )


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def errors_in_spreads(told: Array, true: Array, spread: Spread) -> Array:
    """(rows,): by how many usual errors the truth is off, to the side on which it is."""
    below, above = spread.around(told)
    return np.maximum((told - true) / below, (true - told) / above)


def conformal_factor(errors: Array, units: Array) -> float:
    """The error (rows,) that a row of a new unit exceeds with probability 1 - LEVEL at most, each of *units* (rows,)
    weighing alike; infinite where the units are too few.
    """
    _, place, counts = np.unique(units, return_inverse=True, return_counts=True)
    weights = 1.0 / ((len(counts) + 1) * counts[place.ravel()])
    order = np.argsort(errors)
    reached = np.cumsum(weights[order]) >= LEVEL - 1e-9
    return float(errors[order][np.argmax(reached)]) if reached.any() else math.inf


def calibrate(told: Array, true: Array, units: Array, *, spread: Spread, cap: float) -> Interval | None:
    """From validation rows, each of shape (rows,); None where there are fewer than FEWEST_UNITS units."""
    factor = conformal_factor(errors_in_spreads(told, true, spread), units)
    return Interval(spread, factor, cap, len(np.unique(units))) if math.isfinite(factor) else None


@dataclass(frozen=True)
class Coverage:
    """What an interval held on units it was not calibrated on, each unit weighing alike."""

    share: float
    """Of the rows whose truth lay within, 0..1."""
    width: float
    """On the average, in the log's unit of time."""
    units: int


def coverage(low: Array, high: Array, true: Array, units: Array) -> Coverage:
    """Of intervals from *low* to *high*; each array is (rows,)."""
    within, width = (low <= true) & (true <= high), high - low
    names, place, counts = np.unique(units, return_inverse=True, return_counts=True)
    weights = 1.0 / (len(names) * counts[place.ravel()])
    return Coverage(float(np.sum(weights * within)), float(np.sum(weights * width)), len(names))


def left_out_coverage(told: Array, true: Array, units: Array, *, spread: Spread, cap: float) -> Coverage | None:
    """Without test units: each validation unit by an interval that the others give; each array is (rows,). None where
    they are too few."""
    low, high = np.empty_like(true), np.empty_like(true)
    for unit in np.unique(units):
        here = units == unit
        one = calibrate(told[~here], true[~here], units[~here], spread=spread, cap=cap)
        if one is None:
            return None
        low[here], high[here] = one.around(told[here])
    return coverage(low, high, true, units)
