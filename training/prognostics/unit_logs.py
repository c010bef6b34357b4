"""From the files of a description to one log per unit, with the time at which each failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.log_schema import Columns, Description
from training.prognostics.table import Clock, Layout, Rows, cell_at, read_cells
from training.prognostics.windows import UnitLog


def read_units(description: Description, files: Sequence[Path]) -> list[UnitLog]:
    """Return the units of *files* in the order in which they first appear.

    Rows after a unit's failure are left out. Raises BadData, naming file and line, where a cell is wrong, time does not
    rise within a unit, or a unit appears in two files.
    """
    logs: dict[str, UnitLog] = {}
    home: dict[str, Path] = {}
    clock, faults = Clock(), Faults()
    for file in files:
        with faults.gathered():
            for log in _units_of(_read_file(description, file, clock), description, file):
                if log.unit in home:
                    raise BadData(
                        f"unit '{log.unit}' is in {home[log.unit]} and in {file}",
                        "Give each unit its own name, or put all its rows into one file.",
                    )
                logs[log.unit], home[log.unit] = log, file
    faults.refuse()
    return list(logs.values())


SHOWN_FILES: Final = 20


class Faults:
    """What is wrong with some files, so that one run names all of them."""

    def __init__(self) -> None:
        self._found: list[BadData] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        try:
            yield
        except BadData as error:
            self._found.append(error)

    def refuse(self) -> None:
        """Raises BadData where there was a fault."""
        if self._found:
            hints = dict.fromkeys(line for error in self._found for line in error.hint.splitlines())
            causes = [error.cause for error in self._found[:SHOWN_FILES]]
            more = [f"... and {len(self._found) - SHOWN_FILES} more files"] if len(self._found) > SHOWN_FILES else []
            raise BadData("\n".join(causes + more), "\n".join(hints)) from self._found[0]


@dataclass(frozen=True)
class _Marked:
    """Rows, and what the column that tells of failure says in each: a time, a 0 or 1, or nothing (NaN)."""

    rows: Rows
    mark: NDArray[np.float64]


def _read_file(description: Description, file: Path, clock: Clock) -> _Marked:
    columns, telling = description.columns, description.fails_at or description.label
    pieces, marks = [], []
    for header, cells, lines in read_cells(file, columns.separator):
        layout = Layout(columns, header, file=str(file), extra=[telling] if telling else [], clock=clock)
        pieces.append(layout.read(cells, lines))
        marks.append(_marks(layout, description, cells, lines))
    if not pieces:
        raise BadData(f"{file} has no rows", "Take it out of the description, or wait until there are some.")
    return _Marked(rows=_joined(pieces), mark=np.concatenate(marks))


def _marks(
    layout: Layout, description: Description, cells: Sequence[Sequence[str]], lines: Sequence[int]
) -> NDArray[np.float64]:
    if description.fails_at:
        return layout.moments(cells, lines, description.fails_at)
    if description.label:
        return layout.numbers(cells, lines, description.label)
    return np.full(len(cells), np.nan)


def _joined(pieces: Sequence[Rows]) -> Rows:
    return Rows(
        units=[unit for piece in pieces for unit in piece.units],
        times=np.concatenate([piece.times for piece in pieces]),
        values=np.concatenate([piece.values for piece in pieces]),
        conditions=np.concatenate([piece.conditions for piece in pieces]),
        lines=np.concatenate([piece.lines for piece in pieces]),
    )


def _units_of(marked: _Marked, description: Description, file: Path) -> list[UnitLog]:
    names, first, place = np.unique(np.array(marked.rows.units), return_index=True, return_inverse=True)
    return [
        _unit(str(names[number]), np.flatnonzero(place == number), marked, description, file)
        for number in np.argsort(first)
    ]


def _unit(unit: str, here: NDArray[np.intp], marked: _Marked, description: Description, file: Path) -> UnitLog:
    rows = marked.rows
    times = rows.times[here]
    _rising(times, rows.lines[here], unit, description.columns, file)
    fails_at = _failure(times, marked.mark[here], rows.lines[here], description, file)
    alive = here[times <= fails_at] if np.isfinite(fails_at) else here
    if not len(alive):
        raise BadData(f"{file}: unit '{unit}' failed before its first row", "Is the time of failure right?")
    return UnitLog(
        unit=unit,
        times=rows.times[alive],
        values=rows.values[alive],
        conditions=rows.conditions[alive],
        fails_at=fails_at,
    )


def _rising(times: NDArray[np.float64], lines: NDArray[np.int64], unit: str, columns: Columns, file: Path) -> None:
    if np.isnan(times).any():
        line = lines[np.flatnonzero(np.isnan(times))[0]]
        raise BadData(f"{file} line {line}: the time is missing", "Every row needs a time.")
    falls = np.flatnonzero(np.diff(times) <= 0)
    if len(falls):
        before, after = int(lines[falls[0]]), int(lines[falls[0] + 1])
        earlier, later = (cell_at(file, columns, columns.time, line) for line in (before, after))
        raise BadData(
            f"{file} line {after}: time {later} of unit '{unit}' does not come after {earlier} (line {before})",
            "Sort the rows of each unit by time; of a row that was written twice, keep one.\n"
            "Local times run twice through an hour when clocks are put back: those rows are real. Write the times with "
            "their zone, like 2024-10-27T02:00:00+01:00, or in UTC.",
        )


def _failure(
    times: NDArray[np.float64],
    mark: NDArray[np.float64],
    lines: NDArray[np.int64],
    description: Description,
    file: Path,
) -> float:
    """The time at which this unit failed, NaN where it did not."""
    if description.runs_to_failure:
        return float(times[-1])
    known = np.flatnonzero(~np.isnan(mark))
    if description.label:
        strange = known[~np.isin(mark[known], (0.0, 1.0))]
        if len(strange):
            raise BadData(
                f"{file} line {lines[strange[0]]}: {description.label} is {mark[strange[0]]:g}, not 0 or 1",
                "1 stands for failed, 0 for not failed.",
            )
        failed = np.flatnonzero(mark == 1.0)
        return float(times[failed[0]]) if len(failed) else np.nan
    said = np.unique(mark[known])
    if len(said) > 1:
        places = int(lines[known[0]]), int(lines[known[np.flatnonzero(mark[known] != mark[known[0]])[0]]])
        first, second = (cell_at(file, description.columns, description.fails_at, line) for line in places)
        raise BadData(
            f"{file} line {places[1]}: a second time of failure ({second} after {first}) for one unit",
            "A unit fails once: name the repaired machine anew.",
        )
    return float(said[0]) if len(said) else np.nan
