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
from training.prognostics.windows import carry_forward, rows_since_measured, smoothed, windows

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
    rows: NDArray[np.intp]
    """How many of the window's rows the unit had: fewer than the window where it is new, or met in mid-life."""
    missing: NDArray[np.intp]
    """Channels not measured in this row."""
    outside: NDArray[np.intp]
    """Channels beyond what training saw, and one more for a condition it never saw."""
    known: NDArray[np.bool_]
    """False: no channel has been measured for so long (or ever) that there is nothing to forecast from."""


@dataclass
class _Past:
    """What a unit's next row needs: its last values, missing ones filled, how many rows ago each was measured, its last
    window, and how many rows it had.
    """

    values: Array
    since: Array
    rows: Array
    seen: int


@dataclass(frozen=True)
class _Seen:
    """What the net is given for some rows of one unit, and what is to be said of each row."""

    windows: Array
    rows: NDArray[np.intp]
    missing: NDArray[np.intp]
    outside: NDArray[np.intp]
    known: NDArray[np.bool_]


@dataclass
class Forecaster:
    prepared: Preparation
    net: Net
    _past: dict[str, _Past] = field(default_factory=dict)

    def forecast(self, rows: Rows) -> Forecast:
        """Rows of many units may be mixed; those of one unit must come in the order of time."""
        count = len(rows.units)
        seen = np.empty((count, self.prepared.window, len(self.prepared.scaling.kept)), dtype=np.float32)
        marks = {name: np.empty(count, dtype=np.intp) for name in ("rows", "missing", "outside")}
        known = np.empty(count, dtype=np.bool_)
        for unit, here in _by_unit(rows.units):
            found = self._see(unit, rows.values[here], rows.conditions[here])
            seen[here], known[here] = found.windows, found.known
            for name, mark in marks.items():
                mark[here] = getattr(found, name)
        said = np.concatenate([self.net(piece) for piece in _pieces(seen)])
        life = np.clip(said[:, 0], 0.0, self.prepared.cap)
        return Forecast(probability=probability(said[:, 1]), life=life, known=known, **marks)

    def _see(self, unit: str, values: Array, conditions: Array) -> _Seen:
        """The windows (rows, window, channels) of one unit's new rows; remembers what the next ones will need."""
        past, scaling = self._past.get(unit), self.prepared.scaling
        filled = carry_forward(values, last=past.values if past else None)
        since = rows_since_measured(values, before=past.since if past else None)
        scaled = scaling.apply(np.where(since > self.prepared.carry, np.float32(np.nan), filled), conditions)
        last, count = (past.rows[-1], past.seen) if past else (None, 0)
        new = smoothed(scaled, over=self.prepared.smooth, last=last, seen=count)
        rows = np.concatenate([past.rows, new]) if past else new
        length = self.prepared.window
        self._past[unit] = _Past(filled[-1], since[-1], rows[-length:], seen=count + len(new))
        kept, late = since[:, list(scaling.kept)], since[:, self._measured()]
        return _Seen(
            windows=windows(rows, length=length)[len(rows) - len(new) :],
            rows=np.minimum(np.arange(count + 1, count + len(new) + 1), length),
            missing=np.sum(kept > 0, axis=1),
            outside=scaling.outside(scaled, conditions),
            # An older run carries without end; what was never measured has nothing to carry.
            known=np.any(np.isfinite(late) & (late <= self.prepared.carry), axis=1),
        )

    def _measured(self) -> list[int]:
        """The channels the net sees, the time not among them: an age alone says nothing of a machine."""
        columns, kept = self.prepared.columns, self.prepared.scaling.kept
        return [place for place in kept if columns.channels[place] != columns.time] or list(kept)


def _by_unit(units: list[str]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    names, place = np.unique(np.array(units), return_inverse=True)
    for number, name in enumerate(names):
        yield str(name), np.flatnonzero(place == number)


def _pieces(seen: Array) -> Iterator[Array]:
    for start in range(0, len(seen), WINDOWS_AT_ONCE):
        yield seen[start : start + WINDOWS_AT_ONCE]
