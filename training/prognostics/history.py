"""What a row owes to the earlier rows of its unit: missing values carried forward, running means.

One implementation for training, `predict` and packed shards. Rows of many units come together, one unit after the
other; what the next rows need of the past is kept in `Past`. However a record is cut into pieces, no bit of a row
changes. Nothing here looks ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.prognostics.scaling import Scaling
from training.prognostics.windows import UnitLog

Array = NDArray[np.floating]
Counts = NDArray[np.int64]

ROWS_AT_ONCE: Final = 1 << 12
"""Bounds what preparing takes besides its result."""


Kept = TypeVar("Kept", bound="PerUnit")


@dataclass(frozen=True)
class PerUnit:
    """Arrays with a row for each of some units."""

    def of(self: Kept, units: NDArray[Any]) -> Kept:
        """That of some of the units; a copy."""
        return replace(self, **{name: part[units] for name, part in vars(self).items()})

    def put(self: Kept, units: NDArray[np.intp], theirs: Kept) -> None:
        for name, part in vars(self).items():
            part[units] = getattr(theirs, name)

    def and_then(self: Kept, others: Kept) -> Kept:
        return replace(self, **{n: np.concatenate([part, getattr(others, n)]) for n, part in vars(self).items()})


@dataclass(frozen=True)
class Past(PerUnit):
    """What the next rows of some units need."""

    values: Array
    """(units, channels) float32: the last known ones; NaN where there never was one."""
    since: Array
    """(units, channels) float32: how many rows ago each was measured; inf where it never was."""
    mean: Array
    """(units, kept channels) float32: the running mean of the scaled row."""
    seen: Counts
    """(units,) rows so far."""

    @classmethod
    def none(cls, units: int, channels: int, kept: int) -> Past:
        """Of units that nothing is known of yet."""
        return cls(
            values=np.full((units, channels), np.nan, dtype=np.float32),
            since=np.full((units, channels), np.inf, dtype=np.float32),
            mean=np.zeros((units, kept), dtype=np.float32),
            seen=np.zeros(units, dtype=np.int64),
        )


@dataclass(frozen=True)
class Filled:
    """Rows with missing values carried forward: `values` and `since` are (rows, channels), as in `Past`."""

    values: Array
    since: Array
    had_gaps: bool
    """Whether any value was missing; if none was, `since` is 0 everywhere."""


def starts_of(counts: Counts) -> Counts:
    """Where each unit's rows begin, the units one after the other."""
    starts: Counts = np.cumsum(counts, dtype=np.int64) - counts
    return starts


def carry_forward(values: Array, counts: Counts, past: Past) -> Filled:
    """Fill each missing value of *values* (rows, channels) with the unit's last known one; *counts* (units,) rows each,
    none of them 0. What was never known stays NaN.
    """
    if not np.isnan(values.min(initial=0)):  # the least is NaN where any is: one pass, and nothing made
        return Filled(values, np.broadcast_to(np.float32(0), values.shape), had_gaps=False)
    starts = starts_of(counts) + np.arange(len(counts))
    new = np.ones(len(values) + len(counts), dtype=np.bool_)
    new[starts] = False
    # Each unit's past stands before its rows, as a row of which all is known: nothing is carried beyond it.
    rows = np.empty((len(new), values.shape[1]), dtype=np.float32)
    rows[starts], rows[new] = past.values, values
    known = ~np.isnan(rows)
    known[starts] = True
    places = np.arange(len(rows), dtype=np.int32)[:, None]
    known_at = np.maximum.accumulate(np.where(known, places, np.int32(0)), axis=0)
    before = np.zeros_like(rows)
    before[starts] = past.since
    since = (places - known_at) + np.take_along_axis(before, known_at, axis=0)
    return Filled(np.take_along_axis(rows, known_at, axis=0)[new], since[new].astype(np.float32), had_gaps=True)


def smooth(rows: Array, counts: Counts, past: Past, *, over: float, starts: Counts | None = None) -> Array:
    """Put into each of *rows* (rows, kept) the mean of its unit's rows so far, the latest of which count most; return
    the means after each unit's last row (units, kept).

    The n-th row moves the mean by 1/n of the way to itself, later by 1/*over*: an exponential mean that begins as a
    plain one and so owes nothing to the first row. Units move side by side, a row of each at a time. *starts* (units,)
    says where their rows begin, if not one unit after the other.
    """
    starts, longest_first = starts_of(counts) if starts is None else starts, np.argsort(-counts, kind="stable")
    means = past.mean.copy()
    if over == 1:
        means[:] = rows[starts + counts - 1]
        return means
    at_least = np.searchsorted(-counts[longest_first], -np.arange(counts.max()), side="left")
    for step, going in enumerate(at_least):
        units = longest_first[:going]
        here = starts[units] + step
        weight = np.minimum(over, past.seen[units] + step + 1).astype(np.float32)
        means[units] += (rows[here] - means[units]) / weight[:, None]
        rows[here] = means[units]
    return means


def after(filled: Filled, counts: Counts, past: Past, means: Array) -> Past:
    """What the rows that follow will need; *counts*: (units,), *means*: (units, kept)."""
    last = starts_of(counts) + counts - 1
    return Past(filled.values[last], filled.since[last], means, past.seen + counts)


@dataclass(frozen=True)
class Scaled:
    """The rows of whole records, one record after the other, filled and scaled; not smoothed."""

    rows: Array
    """(all rows + 1, kept); the last one, of 0, stands for what is not known of the time before a record."""
    since: Array | None
    """(all rows, kept): how many rows ago each value was measured; None: nothing was missing."""

    @property
    def unknown(self) -> int:
        """Which row stands for what is not known."""
        return len(self.rows) - 1


def scale(logs: Sequence[UnitLog], scaling: Scaling, *, carry: float) -> Scaled:
    counts = np.array([len(log.times) for log in logs], dtype=np.int64)
    starts, channels, count = starts_of(counts), logs[0].values.shape[1], int(counts.sum())
    rows, since = np.empty((count + 1, len(scaling.kept)), dtype=np.float32), None
    rows[-1] = 0
    last: Past | None = None
    for piece in _pieces(starts, count):
        past = Past.none(len(piece.counts), channels, 0)
        if last is not None and piece.goes_on:
            past.values[0], past.since[0] = last.values[-1], last.since[-1]
        filled = carry_forward(piece.of(logs, "values"), piece.counts, past)
        rows[piece.begin : piece.end] = scaling.apply(forget_old(filled, carry), piece.of(logs, "conditions"))
        if filled.had_gaps:
            since = np.zeros((count, len(scaling.kept)), dtype=np.float32) if since is None else since
            since[piece.begin : piece.end] = filled.since[:, list(scaling.kept)]
        last = after(filled, piece.counts, past, past.mean)
    return Scaled(rows, since)


def prepare(
    logs: Sequence[UnitLog], scaling: Scaling, *, carry: float, over: float, before: int = 0
) -> tuple[Array, Counts]:
    """The rows (all rows, kept) of *logs*, whole records, filled, scaled and smoothed, and where each record begins.
    There it has *before* rows of 0, which stand for what is not known of the time before.
    """
    scaled, counts = scale(logs, scaling, carry=carry), np.array([len(log.times) for log in logs], dtype=np.int64)
    order, begins = in_records(np.arange(int(counts.sum())), counts, before=before, unknown=scaled.unknown)
    rows = scaled.rows[order]
    smooth(rows, counts, Past.none(len(logs), 0, rows.shape[1]), over=over, starts=begins + before)
    return rows, begins


def in_records(
    rows: NDArray[np.integer], counts: Counts, *, before: int, unknown: int
) -> tuple[NDArray[np.int32], Counts]:
    """Which row of `Scaled` stands at each place of some records (places,), and at which place each begins (records,):
    *counts* of *rows* (rows,) make one, after *before* places for the *unknown* row.
    """
    starts = starts_of(counts)
    order = np.insert(rows.astype(np.int32, copy=False), np.repeat(starts, before), unknown)
    return order, starts + before * np.arange(len(counts))


def forget_old(filled: Filled, carry: float) -> Array:
    """The values (rows, channels), but NaN where measured more than *carry* rows ago: nobody knows them any more."""
    return np.where(filled.since > carry, np.float32(np.nan), filled.values) if filled.had_gaps else filled.values


@dataclass(frozen=True)
class _Piece:
    """Some of all rows: those of the units from *first* on, the first and the last of them perhaps in part."""

    begin: int
    end: int
    first: int
    starts: Counts
    counts: Counts

    @property
    def goes_on(self) -> bool:
        """Whether the first unit began in the piece before."""
        return self.begin > int(self.starts[0])

    def of(self, logs: Sequence[UnitLog], part: str) -> Array:
        """These rows of the *part* "values" or "conditions" of all units' *logs*."""
        cuts = [(max(self.begin - start, 0), self.end - start) for start in self.starts.tolist()]
        if len(cuts) == 1:  # as they lie: each channel in one piece, where the log was read so
            here: Array = getattr(logs[self.first], part)[slice(*cuts[0])]
            return here
        return np.concatenate([getattr(logs[self.first + n], part)[a:b] for n, (a, b) in enumerate(cuts)])


def _pieces(starts: Counts, rows: int) -> Iterator[_Piece]:
    for begin in range(0, rows, ROWS_AT_ONCE):
        end = min(begin + ROWS_AT_ONCE, rows)
        first, beyond = int(np.searchsorted(starts, begin, "right")) - 1, int(np.searchsorted(starts, end, "left"))
        here = starts[first:beyond]
        counts = np.diff(np.append(np.maximum(here, begin), end))
        yield _Piece(begin, end, first, here, counts)
