"""Forecasts in service: rows of a log in, probabilities out; what the next row needs of each unit's past is kept.

Knows neither MXNet nor ONNX: the net is a function. How a log is cut into pieces changes no row's forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.windows import Windows
from training.prognostics.history import Counts, Past, after, carry_forward, forget_old, smooth, starts_of
from training.prognostics.layout import Rows
from training.prognostics.metrics import probability
from training.prognostics.preparation import Preparation
from training.prognostics.resampling import Begun
from training.serve.drift import Drift
from training.serve.recurrent import Array, Net, RecurrentNet

MOST_UNITS = 200_000
"""Their past is kept, some 3 kB for each with twelve channels; beyond that, of the half heard of last."""

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
    low: Array
    """The interval that holds the remaining life nine times in ten; NaN where the run could promise none."""
    high: Array
    others: Array
    """(rows, questions - 1) the probabilities of further horizons and parts."""


@dataclass
class Memory:
    """What is kept of each unit for its next row, unit by unit in the order of arrival."""

    past: Past
    windows: Array
    """(units, window, kept): each unit's last rows, prepared; before its first row, what stands for an unknown past."""
    times: NDArray[np.float64]
    """(units,) of each unit's last row."""
    place: dict[str, int] = field(default_factory=dict)
    begun: Begun | None = None
    """Each unit's step that is not over yet; None where the net sees rows."""

    @classmethod
    def of(cls, prepared: Preparation) -> Memory:
        """Of no unit."""
        columns, kept = prepared.columns, len(prepared.scaling.kept)
        begun = Begun.none(0, len(columns.measured), len(columns.conditions)) if columns.step else None
        windows = np.zeros((0, prepared.window, kept), dtype=np.float32)
        return cls(Past.none(0, prepared.channels, kept), windows, np.zeros(0), begun=begun)

    def last_times(self) -> dict[str, float]:
        return {unit: float(self.times[place]) for unit, place in self.place.items()}

    def only(self, units: Sequence[str]) -> Memory:
        """Of these *units* alone, in that order; a copy."""
        places = np.array([self.place[unit] for unit in units], dtype=np.intp)
        begun = None if self.begun is None else self.begun.of(places)
        place = {unit: number for number, unit in enumerate(units)}
        return Memory(self.past.of(places), self.windows[places], self.times[places], place, begun)

    def without_longest_silent(self, units: int) -> Memory:
        """At most so many *units*: who was heard of longest ago goes first."""
        return self.only(sorted(self.place, key=lambda unit: -self.times[self.place[unit]])[:units])

    def places(self, units: Sequence[str]) -> NDArray[np.intp]:
        """Where each of *units* stands; new ones are taken in."""
        for unit in dict.fromkeys(units):
            self.place.setdefault(unit, len(self.place))
        places = np.fromiter(map(self.place.__getitem__, units), dtype=np.intp, count=len(units))
        if len(self.place) > len(self.windows):
            self._grow(max(len(self.place), 2 * len(self.windows)))
        return places

    def _grow(self, units: int) -> None:
        new, (_, window, kept) = units - len(self.windows), self.windows.shape
        self.past = self.past.and_then(Past.none(new, self.past.values.shape[1], kept))
        self.windows = np.concatenate([self.windows, np.zeros((new, window, kept), dtype=np.float32)])
        self.times = np.concatenate([self.times, np.full(new, -np.inf)])
        if self.begun is not None:
            channels, conditions = self.begun.first.shape[1], self.begun.settings.shape[1]
            self.begun = self.begun.and_then(Begun.none(new, channels, conditions))


@dataclass
class Forecaster:
    prepared: Preparation
    net: Net
    """(n, 2 or more): remaining life, and the log-odds of failing within each horizon."""
    memory: Memory = field(init=False)
    drift: Drift = field(init=False)
    forgotten: int = 0
    """Units whose past was given up, because there were more than can be kept."""

    def __post_init__(self) -> None:
        self.memory, self.drift = Memory.of(self.prepared), Drift(self.prepared)

    def forecast(self, rows: Rows) -> Forecast:
        """Rows of many units may be mixed; those of one unit must come in the order of time. Where the net sees steps,
        these are the *rows*: stepping.py makes them.
        """
        if not rows.units:  # no step is over, but units may be new
            self._forget()
            return _nothing(self.prepared)
        places = self.memory.places(rows.units)
        order = np.argsort(places, kind="stable")
        units, counts = np.unique(places, return_counts=True)
        if self.memory.begun is None:
            self.memory.times[places] = rows.times  # of a unit's rows the last one is the last to be put
        seen, marks = self._see(units, counts, rows.values[order], rows.conditions[order])
        said = _ask(self.net, seen)
        back = np.argsort(order, kind="stable")  # from unit by unit to the order of arrival
        life = np.clip(said[back, 0], 0.0, self.prepared.cap)
        low, high = self._interval(life)
        self._forget()
        return Forecast(
            probability=probability(said[back, 1]), life=life, low=low, high=high, others=probability(said[back, 2:]),
            **{k: v[back] for k, v in marks.items()},
        )  # fmt: skip

    def _interval(self, life: Array) -> tuple[Array, Array]:
        if self.prepared.interval is None:
            return np.full(len(life), np.nan), np.full(len(life), np.nan)
        return self.prepared.interval.around(life)

    def _forget(self) -> None:
        """A log that names its units anew every day must not fill the memory."""
        known = len(self.memory.place)
        if known > MOST_UNITS:
            self.memory = self.memory.without_longest_silent(MOST_UNITS // 2)
            self.forgotten += known - len(self.memory.place)

    def _see(
        self, units: NDArray[np.intp], counts: Counts, values: Array, conditions: Array
    ) -> tuple[Windows, dict[str, NDArray[Any]]]:
        """The windows that end with some rows, sorted by unit, and what is to be said of each row; remembers what the
        next ones will need.
        """
        scaling, past = self.prepared.scaling, self.memory.past.of(units)
        filled = carry_forward(values, counts, past)
        scaled = scaling.apply(forget_old(filled, self.prepared.carry), conditions)
        outside = scaling.outside(scaled, conditions)
        self.drift.add(scaled, outside)
        means = smooth(scaled, counts, past, over=self.prepared.smooth)
        self.memory.past.put(units, after(filled, counts, past, means))
        kept, late = filled.since[:, list(scaling.kept)], filled.since[:, self._measured_channels()]
        nth = np.arange(len(values)) - np.repeat(starts_of(counts) - past.seen, counts) + 1
        return self._windows(units, counts, scaled, new=past.seen == 0), {
            "rows": np.minimum(nth, self.prepared.window).astype(np.intp),
            "missing": np.sum(kept > 0, axis=1),
            "outside": outside,
            # An older run carries without end; what was never measured has nothing to carry.
            "known": np.any(np.isfinite(late) & (late <= self.prepared.carry), axis=1),
        }

    def _windows(self, units: NDArray[np.intp], counts: Counts, rows: Array, *, new: NDArray[np.bool_]) -> Windows:
        """A window for each of *rows*, sorted by unit; the rows before them are each unit's last window."""
        length, kept = self.prepared.window, rows.shape[1]
        before = self.memory.windows[units]
        if not self.prepared.past_is_mean:
            before[new] = rows[starts_of(counts)[new], None]
        ends = starts_of(counts + length) + length
        here = np.arange(len(rows)) + np.repeat(ends - starts_of(counts), counts)
        together = np.empty((len(rows) + length * len(units), kept), dtype=np.float32)
        together[(ends[:, None] + np.arange(-length, 0)).ravel()] = before.reshape(-1, kept)
        together[here] = rows
        self.memory.windows[units] = together[(ends + counts)[:, None] + np.arange(-length, 0)]
        return Windows(together, np.zeros_like(here), here, length)

    def _measured_channels(self) -> list[int]:
        """The channels the net sees, the time not among them: an age alone says nothing of a machine."""
        columns, kept = self.prepared.columns, self.prepared.scaling.kept
        names = columns.features
        return [place for place in kept if names[place] != columns.time] or list(kept)


def _nothing(prepared: Preparation) -> Forecast:
    others = np.empty((0, len(prepared.questions.each()) - 1))
    number, count = np.empty(0), np.empty(0, dtype=np.intp)
    return Forecast(number, number, count, count, count, np.empty(0, dtype=np.bool_), number, number, others)


def _ask(net: Net, seen: Windows) -> Array:
    if isinstance(net, RecurrentNet):
        return net.over(seen)
    pieces = (seen[start : start + WINDOWS_AT_ONCE] for start in range(0, len(seen), WINDOWS_AT_ONCE))
    return np.concatenate([net(np.asarray(piece)) for piece in pieces])
