"""Forecasts in service: rows of a log in, probabilities out; what the next row needs of each unit's past is kept.

Knows neither MXNet nor ONNX: the net is a function. How a log is cut into pieces changes no row's forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.prognostics.metrics import probability
from training.prognostics.preparation import Preparation
from training.prognostics.table import Rows
from training.prognostics.windows import carry_forward, smoothed, windows

Array = NDArray[np.floating]
Net = Callable[[Array], Array]
"""Windows (n, length, channels) to (n, 2): remaining life, log-odds of failing within the horizon."""

WINDOWS_AT_ONCE = 128
"""Enough for the matrix products, small enough for the caches: measured twice as fast as 1,024."""


@dataclass(frozen=True)
class Forecast:
    """For each row of a piece: the probability of failure within the horizon, and the remaining life up to the cap."""

    probability: Array
    life: Array


@dataclass
class _Past:
    """What a unit's next row needs: its last values, missing ones filled, its last window, and how many rows it had."""

    values: Array
    rows: Array
    seen: int


@dataclass
class Forecaster:
    prepared: Preparation
    net: Net
    _past: dict[str, _Past] = field(default_factory=dict)

    def forecast(self, rows: Rows) -> Forecast:
        """Rows of many units may be mixed; those of one unit must come in the order of time."""
        seen = np.empty((len(rows.units), self.prepared.window, len(self.prepared.scaling.kept)), dtype=np.float32)
        for unit, here in _by_unit(rows.units):
            seen[here] = self._windows(unit, rows.values[here], rows.conditions[here])
        said = np.concatenate([self.net(piece) for piece in _pieces(seen)])
        return Forecast(probability=probability(said[:, 1]), life=np.clip(said[:, 0], 0.0, self.prepared.cap))

    def _windows(self, unit: str, values: Array, conditions: Array) -> Array:
        """(rows, window, channels) for the new rows of one unit; remembers what the next ones will need."""
        past = self._past.get(unit)
        filled = carry_forward(values, last=past.values if past else None)
        scaled = self.prepared.scaling.apply(filled, conditions)
        last, seen = (past.rows[-1], past.seen) if past else (None, 0)
        new = smoothed(scaled, over=self.prepared.smooth, last=last, seen=seen)
        rows = np.concatenate([past.rows, new]) if past else new
        length = self.prepared.window
        self._past[unit] = _Past(values=filled[-1], rows=rows[-length:], seen=seen + len(new))
        return windows(rows, length=length)[len(rows) - len(new) :]


def _by_unit(units: list[str]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    names, place = np.unique(np.array(units), return_inverse=True)
    for number, name in enumerate(names):
        yield str(name), np.flatnonzero(place == number)


def _pieces(seen: Array) -> Iterator[Array]:
    for start in range(0, len(seen), WINDOWS_AT_ONCE):
        yield seen[start : start + WINDOWS_AT_ONCE]
