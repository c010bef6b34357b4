"""Files that are one measurement each: thousands of samples become one row, which tells what each channel did in them.

A vibration rig writes a file every few minutes, a second at 20 kHz. What tells of a worn bearing is not one sample but
their spread, their rms and their kurtosis, which grows while the first flakes strike. A file is read in pieces and is
never held whole; training, `pack` and service read it in this one way, so that a file is the same row everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.prognostics.arrow_cells import Floats
from training.prognostics.columns import Columns, Tags
from training.prognostics.dialect import Dialect
from training.prognostics.side_by_side import side_by_side
from training.prognostics.step_keys import KURTOSIS, MAX, MEAN, MIN, RMS, SPREAD
from training.prognostics.table import Marks, Met, Table, table_pieces
from training.prognostics.tag_clocks import tell_doubled_hours
from training.prognostics.wrong_cells import Clock


def log_pieces(file: Path, dialect: Dialect, columns: Columns, clock: Clock, marks: Marks, met: Met) -> Iterator[Table]:
    """The rows of the log that *file* holds: its own in pieces; of a file that is one measurement a row for each unit;
    of one with a row for each value a row for each unit and time.

    Raises BadData, at the end, where a cell is wrong.
    """
    if columns.tags:
        read = partial(_tag_pieces, file, dialect, columns, columns.tags)
        return side_by_side(read(clock, marks, met), columns.tags, again=lambda: read(Clock(), Marks(), Met()))
    pieces = table_pieces(file, dialect, columns, clock, marks, met)
    return _as_measurement(pieces, columns, marks) if columns.by_file else pieces


def _tag_pieces(
    file: Path, dialect: Dialect, columns: Columns, tags: Tags, clock: Clock, marks: Marks, met: Met
) -> Iterator[Table]:
    pieces = table_pieces(file, dialect, columns, clock, marks, met)
    return tell_doubled_hours(pieces, columns, tags) if columns.zone else pieces


@dataclass(frozen=True)
class Samples:
    """What is known of some samples of each channel, all (channels,) float64."""

    count: Floats
    mean: Floats
    m2: Floats
    m3: Floats
    m4: Floats
    """The sums of the second, third and fourth powers of the distances from the mean."""
    low: Floats
    high: Floats

    @classmethod
    def of(cls, values: Floats) -> Samples:
        """*values* (channels, rows), NaN where missing."""
        known = ~np.isnan(values)
        count = known.sum(axis=1).astype(np.float64)
        mean = np.where(known, values, 0).sum(axis=1) / np.maximum(count, 1)
        off = np.where(known, values - mean[:, None], 0)
        squares = off * off
        low, high = np.where(known, values, np.inf).min(axis=1), np.where(known, values, -np.inf).max(axis=1)
        sums = squares.sum(axis=1), (squares * off).sum(axis=1), (squares * squares).sum(axis=1)
        return cls(count, mean, *sums, low, high)

    def and_then(self, more: Samples) -> Samples:
        """Both together. Source: Pebay, "Formulas for robust, one-pass parallel computation of covariances and
        arbitrary-order statistical moments", Sandia report SAND2008-6212, 2008.
        """
        na, nb = self.count, more.count
        n = np.maximum(na + nb, 1)
        d = np.where((na > 0) & (nb > 0), more.mean - self.mean, 0)
        m3 = d**3 * na * nb * (na - nb) / n**2 + 3 * d * (na * more.m2 - nb * self.m2) / n
        m4 = (
            d**4 * na * nb * (na * na - na * nb + nb * nb) / n**3
            + 6 * d**2 * (na * na * more.m2 + nb * nb * self.m2) / n**2
            + 4 * d * (na * more.m3 - nb * self.m3) / n
        )
        return Samples(
            na + nb,
            (na * self.mean + nb * more.mean) / n,
            self.m2 + more.m2 + d * d * na * nb / n,
            self.m3 + more.m3 + m3,
            self.m4 + more.m4 + m4,
            np.minimum(self.low, more.low),
            np.maximum(self.high, more.high),
        )

    def tell(self) -> dict[str, Floats]:
        """Each aggregate (channels,); NaN where nothing was measured, and the kurtosis of what does not vary."""
        count = np.maximum(self.count, 1)
        variance = self.m2 / count
        varies = self.m2 > 0
        told = {
            MEAN: self.mean,
            SPREAD: np.sqrt(variance),
            MIN: self.low,
            MAX: self.high,
            RMS: np.sqrt(self.mean * self.mean + variance),
            KURTOSIS: np.where(varies, self.m4 / count / np.where(varies, variance, 1) ** 2, np.nan),
        }
        return {what: np.where(self.count > 0, values, np.nan) for what, values in told.items()}


@dataclass
class _Unit:
    """What a file says of one unit so far."""

    row: int
    """The first of its rows."""
    samples: Samples
    time: float
    """Of its last row that has one."""
    mark: float
    conditions: NDArray[np.float32]
    """The last known ones."""

    def go_on(self, later: _Unit, *, mark_is_time: bool) -> None:
        self.samples = self.samples.and_then(later.samples)
        self.time = self.time if np.isnan(later.time) else later.time
        both = np.array([self.mark, later.mark])
        self.mark = _last_known(both) if mark_is_time else _greatest(both)
        self.conditions = np.where(np.isnan(later.conditions), self.conditions, later.conditions)


def _as_measurement(pieces: Iterator[Table], columns: Columns, marks: Marks) -> Iterator[Table]:
    units: dict[int, _Unit] = {}
    piece = None
    for piece in pieces:
        for code in np.unique(piece.units).tolist():
            here = _look(piece, np.flatnonzero(piece.units == code), columns, marks)
            if code in units:
                units[code].go_on(here, mark_is_time=marks.is_time)
            else:
                units[code] = here
    if piece is not None:
        yield _tell_units(piece, units, columns)


def _look(piece: Table, rows: NDArray[np.intp], columns: Columns, marks: Marks) -> _Unit:
    values = np.array([piece.values[name][rows] for name in _list_sampled(columns)], dtype=np.float64)
    known = [_last_known(piece.values[name][rows]) for name in columns.conditions]
    told = piece.marks[rows]
    return _Unit(
        row=piece.row(int(rows[0])),
        samples=Samples.of(values),
        time=_last_known(piece.times[rows]),
        mark=_last_known(told) if marks.is_time else _greatest(told),
        conditions=np.array(known, dtype=np.float32),
    )


def _list_sampled(columns: Columns) -> list[str]:
    return [name for name in columns.channels if name != columns.time]


def _last_known(values: NDArray[np.floating]) -> float:
    known = np.flatnonzero(~np.isnan(values))
    return float(values[known[-1]]) if len(known) else np.nan


def _greatest(values: NDArray[np.floating]) -> float:
    return float(np.fmax.reduce(values))


def _tell_units(piece: Table, units: dict[int, _Unit], columns: Columns) -> Table:
    """A row for each unit, in the order in which the file names them; *piece* is the last one of the file."""
    every = sorted(units.items(), key=lambda item: item[1].row)
    times = np.array([unit.time for _, unit in every])
    told = [unit.samples.tell() for _, unit in every]
    values = {
        f"{name} {what}": np.array([one[what][place] for one in told], dtype=np.float32)
        for place, name in enumerate(_list_sampled(columns))
        for what in columns.aggregates
    }
    if columns.time in columns.channels:
        values[columns.time] = times.astype(np.float32)
    for place, name in enumerate(columns.conditions):
        values[name] = np.array([unit.conditions[place] for _, unit in every], dtype=np.float32)
    return replace(
        piece,
        units=np.array([code for code, _ in every], dtype=np.int32),
        times=times,
        values=values,
        marks=np.array([unit.mark for _, unit in every]),
        at=np.array([unit.row for _, unit in every], dtype=np.int64),
    )
