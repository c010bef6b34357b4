"""The rows of all files, unit by unit in the order of time; a unit may be spread over files, as in monthly logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.cells import second_readings
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.dates import join_time
from training.prognostics.file_names import names_in_path
from training.prognostics.log_keys import TIME_OF_DAY
from training.prognostics.table import Table

Kind = TypeVar("Kind", bound=np.generic)

OTHER_MACHINES: Final = (
    "Where the files are of different machines that have the same names, give each machine a name of its own."
)
SORT: Final = (
    "Sort the rows of each unit by time, or say sort = true in the TOML; of a row that was written twice, keep one.\n"
    "Was a clock set back, or a machine's controller begun anew? Correct the times first: sorting would mix the rows.\n"
    "Local times run twice through an hour when clocks are put back: those rows are real. Write the times with "
    'their zone, like 2024-10-27T02:00:00+01:00, or in UTC, or say whose clocks they are: zone = "Europe/Berlin".'
)
TURNS: Final = (2.0**16, 2.0**31, 2.0**32, 86_400.0, 604_800.0)
"""Where counters begin anew: of 16, 31 and 32 bits, seconds of the day, of the GPS week."""
ONE_NAME: Final = (
    "All files have one name, so they are one unit. Where each folder is a machine, add to the TOML: "
    'path = "{unit}/*" and unit = "unit"'
)
ONE_TIME: Final = (
    'All rows of a file have the time that stands in its path. Are they samples of one measurement? step = "file"\n'
    "Are they of different machines? Say which column names the machine: unit."
)


@dataclass(frozen=True)
class Rows:
    """All rows, in order. `order` says for each which of the rows it is as they were read, one file after the other."""

    tables: Sequence[Table]
    names: list[str]
    begins: NDArray[np.intp]
    """(units + 1,) where each unit's rows begin."""
    order: NDArray[np.intp]
    times: NDArray[np.float64]
    as_read: bool
    """The order is that of reading."""

    def put_in_order(self, column: NDArray[Kind]) -> NDArray[Kind]:
        """*column* (rows as read,) in this order; itself, where that is the order of reading."""
        return column if self.as_read else column[self.order]

    def place(self, row: int) -> tuple[Table, int]:
        """The file in which *row*, as they were read, stands, and which of its rows it is."""
        for table in self.tables:
            if row < len(table):
                return table, row
            row -= len(table)
        raise IndexError(row)

    def at(self, row: int) -> str:
        """ "log.csv line 7", of a row as ordered."""
        table, here = self.place(int(self.order[row]))
        return f"{table.file} line {table.line(here)}"

    def cell(self, row: int, column: str) -> str:
        table, here = self.place(int(self.order[row]))
        return table.cell(here, column)


def in_order(tables: Sequence[Table], *, sort: bool, columns: Columns) -> tuple[Rows, list[str]]:
    """The rows of *tables*, and what was done to them in words. Raises BadData where time does not rise."""
    names, units = _number_units(tables)
    times = _read_times(tables, units, columns)
    rows = _order_rows(tables, names, units, times)
    _all_timed(rows, columns)
    if not len(_falls(rows)):
        return rows, _spread(tables)
    if sort:
        return _sort_rows(rows, units, times)
    merged = _by_time(tables, names, units, times)
    if len(tables) > 1 and _each_file_rises(tables, times) and not len(_falls(merged)):
        return merged, _spread(tables)
    _refuse_falls(rows if not _each_file_rises(tables, times) else merged, columns)
    return rows, []


def _number_units(tables: Sequence[Table]) -> tuple[list[str], NDArray[np.int64]]:
    """All units in the order in which they appear, and which of them each row belongs to."""
    if len(tables) == 1:
        return tables[0].names, tables[0].units.astype(np.int64)
    known: dict[str, int] = {}
    own = [np.array([known.setdefault(name, len(known)) for name in table.names]) for table in tables]
    return list(known), np.concatenate([table_own[table.units] for table_own, table in zip(own, tables, strict=True)])


def _read_times(tables: Sequence[Table], units: NDArray[np.int64], columns: Columns) -> NDArray[np.float64]:
    """What the clocks showed, as times that go on: through midnights, and through an hour that runs twice."""
    times = np.concatenate([table.times for table in tables])
    if columns.dates == TIME_OF_DAY or columns.zone:
        order = np.argsort(units, kind="stable")
        same = np.diff(units[order], prepend=-1) == 0
        go_on = _over_midnights if columns.dates == TIME_OF_DAY else _over_doubled_hours
        times[order] = go_on(times[order], same, columns)
    return times


def _over_midnights(times: NDArray[np.float64], same: NDArray[np.bool_], columns: Columns) -> NDArray[np.float64]:
    """A clock that goes back begins another day; *same*: the row is of the same unit as the one before."""
    midnights = np.cumsum((np.diff(times, prepend=0.0) < 0) & same)
    first = np.repeat(midnights[~same], np.diff(np.append(np.flatnonzero(~same), len(times))))
    found: NDArray[np.float64] = times + 86400.0 / SECONDS[columns.time_unit] * (midnights - first)
    return found


def _over_doubled_hours(times: NDArray[np.float64], same: NDArray[np.bool_], columns: Columns) -> NDArray[np.float64]:
    """Of an hour that local clocks show twice, a row that does not come after the one before is of the second."""
    for row, later in second_readings(times, columns):
        if same[row] and times[row] <= times[row - 1]:
            times[row] = later
    return times


def _order_rows(
    tables: Sequence[Table], names: list[str], units: NDArray[np.int64], times: NDArray[np.float64]
) -> Rows:
    """Unit by unit, each unit's rows as they were read."""
    as_read = bool((np.diff(units) >= 0).all())
    order = np.arange(len(units)) if as_read else np.argsort(units, kind="stable")
    return _rows(tables, names, units, times, order, as_read=as_read)


def _by_time(tables: Sequence[Table], names: list[str], units: NDArray[np.int64], times: NDArray[np.float64]) -> Rows:
    return _rows(tables, names, units, times, np.lexsort((times, units)), as_read=False)


def _rows(
    tables: Sequence[Table],
    names: list[str],
    units: NDArray[np.int64],
    times: NDArray[np.float64],
    order: NDArray[np.intp],
    *,
    as_read: bool,
) -> Rows:
    ordered = (units, times) if as_read else (units[order], times[order])
    begins = np.searchsorted(ordered[0], np.arange(len(names) + 1))
    return Rows(tables, names, begins, order, ordered[1], as_read)


def _falls(rows: Rows) -> NDArray[np.intp]:
    """The rows, as ordered, that do not come after the row of their unit before them."""
    falls = np.diff(rows.times, prepend=-np.inf) <= 0
    falls[rows.begins[:-1]] = False
    return np.flatnonzero(falls)


def _each_file_rises(tables: Sequence[Table], times: NDArray[np.float64]) -> bool:
    at = 0
    for table in tables:
        here = times[at : at + len(table)]
        at += len(table)
        order = np.argsort(table.units, kind="stable")
        if ((np.diff(here[order]) <= 0) & (np.diff(table.units[order]) == 0)).any():
            return False
    return True


def _all_timed(rows: Rows, columns: Columns) -> None:
    nameless = np.flatnonzero(np.isnan(rows.times))
    if len(nameless):
        first = int(nameless[np.argmin(rows.order[nameless])])
        raise BadData(f"{rows.at(first)}: the time is missing", "Every row needs a time.")


def _refuse_falls(rows: Rows, columns: Columns) -> None:
    """Of each file the first, so that one run names all."""
    seen: dict[str, str] = {}
    between_files = False
    for after in _falls(rows).tolist():
        table, _ = rows.place(int(rows.order[after]))
        if str(table.file) not in seen:
            unit = rows.names[int(np.searchsorted(rows.begins, after, side="right")) - 1]
            earlier, later = (_cell(rows, row, columns) for row in (after - 1, after))
            before = rows.at(after - 1).removeprefix(f"{table.file} ")
            between_files |= rows.place(int(rows.order[after - 1]))[0] is not table
            seen[str(table.file)] = (
                f"{rows.at(after)}: time {later} of unit '{unit}' does not come after {earlier} ({before})"
            )
    hint = f"{OTHER_MACHINES}\n{SORT}" if between_files else SORT
    in_path = {*columns.timed_by} <= {*names_in_path(columns.path)}
    hint = ONE_TIME if in_path and not between_files else _say_turn(rows, _falls(rows)[0]) + hint
    raise BadData("\n".join(list(seen.values())[:20]), hint)


def _say_turn(rows: Rows, after: int) -> str:
    """Where the time went back because its counter was full."""
    before, now = rows.times[after - 1], rows.times[after]
    turn = next((one for one in TURNS if 0.98 * one <= before < one and 0 <= now <= 0.02 * one), None)
    return (
        f"Does its counter begin anew at {turn:,.0f}? Add that to all times behind it, so that they rise.\n"
        if turn
        else ""
    )


def _cell(rows: Rows, row: int, columns: Columns) -> str:
    return join_time([rows.cell(row, name) for name in columns.timed_by])


def _sort_rows(rows: Rows, units: NDArray[np.int64], times: NDArray[np.float64]) -> tuple[Rows, list[str]]:
    """By time, and one row of each time: the last one that was written."""
    moved = len(_falls(rows))
    whole = _by_time(rows.tables, rows.names, units, times)
    same = np.diff(whole.times, append=np.inf) == 0
    same[whole.begins[1:] - 1] = False
    kept = whole.order[~same]
    said = [f"sort = true: rows put in the order of time ({moved:,} did not come after the one before)"]
    if same.any():
        said.append(f"sort = true: {int(same.sum()):,} rows left out whose unit has a later row of the same time")
    return _rows(rows.tables, rows.names, units, times, kept, as_read=False), said


def _spread(tables: Sequence[Table]) -> list[str]:
    """How many units have rows in several files."""
    files = Counter(name for table in tables for name in table.names)
    several = sum(count > 1 for count in files.values())
    said = f"units with rows in several files, put together: {several:,}"
    alone = not tables[0].columns.unit and len(files) == 1 and len({table.file.parent for table in tables}) > 1
    return [said + (f". {ONE_NAME}" if alone else "")] if several else []
