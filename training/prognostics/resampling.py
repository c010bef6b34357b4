"""Rows brought to equal steps of time: what each channel did within a step, however many rows fell into it.

At 1 Hz fifty rows are fifty seconds; a fault that grows over an hour is told by fifty steps of a minute. A step is told
when it is over: by the first row that comes after it. One implementation serves training, packed shards and service:
what is known of the step that is not over is kept in `Begun`, and however a record is cut into pieces, no bit changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.columns import Columns
from training.prognostics.history import Counts, PerUnit, starts_of
from training.prognostics.step_keys import END, MAX, MEAN, MIN, SPREAD, say_step
from training.prognostics.windows import UnitLog

Array = NDArray[np.floating]

EDGE: Final = 1e-6
"""Of a step: a time so near below a step's end is at it. Hours since 1970 are not exact to the minute."""

MOST_EMPTY: Final = 200
"""Steps without a row that stand for a longer pause: by then nothing of the time before it is carried on."""

NOT_WHOLE: Final = "have no whole step, and are left out"

NO_STEP: Final = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Begun(PerUnit):
    """The step of each unit that is not over: (units,) or (units, channels)."""

    number: Counts
    """Which step, counted from time 0; NO_STEP where no row has come yet."""
    first: Array
    """float32: the first value within it; NaN where none was measured. The sums are of the distances from it, so that
    a small spread about a large mean is not lost."""
    count: Counts
    """Of the values."""
    total: Array
    squares: Array
    low: Array
    """float32; inf where none was measured."""
    high: Array
    settings: Array
    """(units, condition columns) float32: those of the last row."""

    @classmethod
    def none(cls, units: int, channels: int, conditions: int) -> Begun:
        """Of units that nothing is known of yet."""
        shape = units, channels
        return cls(
            number=np.full(units, NO_STEP, dtype=np.int64),
            first=np.full(shape, np.nan, dtype=np.float32),
            count=np.zeros(shape, dtype=np.int64),
            total=np.zeros(shape),
            squares=np.zeros(shape),
            low=np.full(shape, np.inf, dtype=np.float32),
            high=np.full(shape, -np.inf, dtype=np.float32),
            settings=np.zeros((units, conditions), dtype=np.float32),
        )


@dataclass(frozen=True)
class Steps:
    """The steps that some rows brought to their end, unit by unit in the order of time, empty ones among them."""

    units: NDArray[np.intp]
    """(steps,) which of the units."""
    times: NDArray[np.float64]
    """(steps,) when each was over."""
    values: Array
    """(steps, features) float32; NaN where nothing was measured."""
    conditions: Array
    ended_by: NDArray[np.intp]
    """(steps,) the row that came first after it."""
    begun: Begun


def to_steps(times: Array, values: Array, conditions: Array, counts: Counts, begun: Begun, columns: Columns) -> Steps:
    """*times* (rows,), *values* (rows, measured), *conditions* (rows, condition columns) of units one after the other,
    *counts* (units,) rows each, none of them 0; *begun* of those units.
    """
    numbers = np.floor(times / columns.step + EDGE).astype(np.int64)
    cut = _cut(numbers, counts, begun)
    whole = _gather(values, conditions, cut, begun)
    last = np.append(np.diff(cut.unit) != 0, True)
    over = np.flatnonzero(~last)
    empty = np.minimum(whole.number[over + 1] - whole.number[over] - 1, MOST_EMPTY)
    places = np.repeat(np.arange(len(over)), empty + 1)
    nth = np.arange(len(places)) - np.repeat(starts_of(empty + 1), empty + 1)
    # Of a long pause the last steps stand: what follows them is the row that ended it.
    after = whole.number[over + 1][places] - empty[places] + nth - 1
    number = np.where(nth == 0, whole.number[over][places], after)
    ends = (number + 1) * columns.step
    told = _tell(whole.of(over), columns)[places]
    told[nth > 0] = np.nan
    _put_times(told, ends, columns)
    return Steps(
        units=cut.unit[over][places],
        times=ends,
        values=told,
        conditions=whole.settings[over][places],
        ended_by=cut.first_row[over + 1][places],
        begun=whole.of(last),
    )


@dataclass(frozen=True)
class _Cut:
    """Which step each row falls into; a step that was begun before is there too, with or without new rows."""

    of_row: NDArray[np.intp]
    """(rows,)"""
    unit: NDArray[np.intp]
    """(steps,)"""
    number: Counts
    """(steps,)"""
    first_row: NDArray[np.intp]
    """(steps,) of one begun before: no row of its own, -1."""
    before: NDArray[np.intp]
    """(units that had begun one,) the place of that step."""


def _cut(numbers: Counts, counts: Counts, begun: Begun) -> _Cut:
    starts, going = starts_of(counts), begun.number != NO_STEP
    unit = np.repeat(np.arange(len(counts)), counts)
    new = np.diff(numbers, prepend=NO_STEP) != 0
    new[starts] = numbers[starts] != begun.number
    # How many steps stand before each row's: those with a row of their own, and those begun before.
    of_row = np.cumsum(new) + np.cumsum(going)[unit] - 1
    first = np.flatnonzero(new)
    before = _before(starts, new, going)
    steps = len(first) + len(before)
    found_unit, found_number = np.empty(steps, dtype=np.intp), np.empty(steps, dtype=np.int64)
    first_row = np.full(steps, -1, dtype=np.intp)
    found_unit[of_row[first]], found_number[of_row[first]], first_row[of_row[first]] = (
        unit[first],
        numbers[first],
        first,
    )
    found_unit[before], found_number[before] = np.flatnonzero(going), begun.number[going]
    return _Cut(of_row, found_unit, found_number, first_row, before)


def _before(starts: Counts, new: NDArray[np.bool_], going: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where the steps begun before stand among all: each as the first of its unit."""
    own = np.concatenate([[0], np.cumsum(new)])[starts]
    found: NDArray[np.intp] = (own + np.cumsum(going) - 1)[going]
    return found


def _gather(values: Array, conditions: Array, cut: _Cut, begun: Begun) -> Begun:
    """What is known of each step with all its rows so far."""
    steps = len(cut.unit)
    found = replace(Begun.none(steps, values.shape[1], conditions.shape[1]), number=cut.number)
    found.put(cut.before, begun.of(begun.number != NO_STEP))
    last = np.flatnonzero(np.diff(cut.of_row, append=steps))
    found.settings[cut.of_row[last]] = conditions[last]
    for channel in range(values.shape[1]):
        _add(found, channel, values[:, channel], cut.of_row)
    return found


def _add(found: Begun, channel: int, column: Array, of_row: NDArray[np.intp]) -> None:
    """Row after row: `bincount` adds in that order, so a sum that was begun before goes on to the same bits."""
    rows = np.flatnonzero(~np.isnan(column))
    if not len(rows):
        return
    step, known, every = of_row[rows], column[rows], np.arange(len(found.number))
    heads = np.flatnonzero(np.diff(step, prepend=-1))
    here, first, count = step[heads], found.first[:, channel], len(every)
    first[here] = np.where(np.isnan(first[here]), known[heads], first[here])
    away = known.astype(np.float64) - first[step]
    both = np.concatenate([every, step])
    for sums, added in ((found.total, away), (found.squares, away * away)):
        sums[:, channel] = np.bincount(both, np.concatenate([sums[:, channel], added]), count)
    found.count[:, channel] += np.bincount(step, minlength=count)
    found.low[here, channel] = np.minimum(found.low[here, channel], np.minimum.reduceat(known, heads))
    found.high[here, channel] = np.maximum(found.high[here, channel], np.maximum.reduceat(known, heads))


def _tell(steps: Begun, columns: Columns) -> Array:
    """(steps, features) float32"""
    known = steps.count > 0
    count = np.maximum(steps.count, 1)
    off = steps.total / count
    told = {
        MEAN: steps.first + off,
        SPREAD: np.sqrt(np.maximum(steps.squares / count - off * off, 0.0)),
        MIN: steps.low,
        MAX: steps.high,
        END: steps.first,
    }
    found = np.empty((len(count), len(columns.summaries)), dtype=np.float32)
    for place, (channel, what) in enumerate(columns.summaries):
        found[:, place] = np.where(known[:, channel], told[what][:, channel], np.nan)
    return found


def _put_times(told: Array, ends: NDArray[np.float64], columns: Columns) -> None:
    """Where the time is a channel, an age, it is that of the step's end."""
    for place, (_, what) in enumerate(columns.summaries):
        if what == END:
            told[:, place] = ends


def log_in_steps(log: UnitLog, columns: Columns) -> UnitLog:
    """The whole steps of *log*: the one in which the record ends was never over."""
    begun = Begun.none(1, log.values.shape[1], log.conditions.shape[1])
    counts = np.array([len(log.times)])
    steps = to_steps(log.times, log.values, log.conditions, counts, begun, columns)
    return replace(log, times=steps.times, values=steps.values, conditions=steps.conditions)


def logs_in_steps(logs: Sequence[UnitLog], columns: Columns) -> tuple[list[UnitLog], list[str]]:
    """Those of *logs* that have a whole step, and what was done in words. Raises BadData where steps would be empty
    more often than not.
    """
    _refuse_short_step(logs, columns)
    stepped = [log_in_steps(log, columns) for log in logs]
    whole = [log for log in stepped if len(log.times)]
    rows, steps = sum(len(log.times) for log in logs), sum(len(log.times) for log in whole)
    said = [f"step = {columns.step_said}: {rows:,} rows became {steps:,} steps of {', '.join(columns.aggregates)}"]
    empty = sum(int(np.isnan(log.values).all(axis=1).sum()) for log in whole)
    if empty:
        said.append(f"step = {columns.step_said}: {empty:,} steps have no row or nothing measured")
    short = [float(np.ptp(log.times)) for log, steps in zip(logs, stepped, strict=True) if not len(steps.times)]
    if short:
        longest = say_step(max(short), columns.time_unit)
        said.append(f"step = {columns.step_said}: {len(short):,} units {NOT_WHOLE}; the longest record is {longest}")
    return whole, said


def _refuse_short_step(logs: Sequence[UnitLog], columns: Columns) -> None:
    spacings = [np.diff(log.times) for log in logs if len(log.times) > 1]
    apart = float(np.median(np.concatenate(spacings))) if spacings else 0.0
    if apart > columns.step * (1 + EDGE):
        raise BadData(
            f"step = {columns.step_said}, and rows are {say_step(apart, columns.time_unit)} apart: most steps would be "
            "empty",
            "Take a longer step, or leave it out: the net then sees rows.",
        )


def refuse_no_step(said: Sequence[str]) -> None:
    """Raises BadData where, as was *said* by logs_in_steps, units were left out; for who finds that none is left."""
    short = [line for line in said if NOT_WHOLE in line]
    if short:
        raise BadData("\n".join(short), "Take a shorter step than the records: a step is told when it is over.")
