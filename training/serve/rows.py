"""Rows of a log as they arrive in service: from lines to numbers. A row that cannot be used is said and left out."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.cells import Cells, second_readings, split_blanks
from training.prognostics.columns import SECONDS, Columns, names_in
from training.prognostics.layout import Cell, Layout, Rows
from training.prognostics.log_keys import TIME_OF_DAY
from training.serve.broken_lines import whole_rows
from training.serve.new_headers import Cut, under_headers
from training.serve.tail import Piece, Say

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Arrived:
    """Some rows, and how the log wrote their times."""

    rows: Rows
    times: list[str]


def cells_of(pieces: Iterable[Piece], columns: Columns, *, file: str, say: Say) -> Iterator[Cut]:
    """Split lines into cells. Where *columns* names no header, line 1 is the header, also of a file begun anew; if it
    is plainly a row (`tail -f` begins anywhere), the columns stand in the order of the training log.

    Raises BadData where the header cannot be split: then no row of the log can be read.
    """
    header = list(columns.header)
    for lines in whole_rows(pieces, columns.separator):
        numbered = [(line, number) for line, number in lines if line.strip()]
        if not columns.header and numbered and numbered[0][1] == 1:
            header = _header(numbered[0][0], columns, file)
            if _is_row(header, columns):
                header = list(columns.order)
                say(f"{file} line 1 names no columns: taken in the order of the training log, {', '.join(header)}")
            else:
                del numbered[0]
        for start in range(0, len(numbered), ROWS_AT_ONCE):
            rows, numbers = _readable(numbered[start : start + ROWS_AT_ONCE], columns, file, say)
            if rows:
                yield header, rows, numbers


def _header(line: str, columns: Columns, file: str) -> list[str]:
    try:
        return [name.strip() for name in _split([line.lstrip("\ufeff")], columns)[0]]
    except _Unsplit as error:
        raise BadData(f"{file} line 1: {error}", "Save the log as text in UTF-8, one row to a line.") from error


def _is_row(first: Sequence[str], columns: Columns) -> bool:
    """Whether *first* is a row of the training log's form: every channel a number or missing, and no column's name."""
    if len(first) != len(columns.order) or set(first) & set(names_in(columns)):
        return False
    cells = Cells(columns)
    known = {name: cell for name, cell in zip(columns.order, first, strict=True) if not cells.is_absent(cell)}
    numeric = [name for name in columns.channels if name in known and name not in dict(columns.categories)]
    return bool(numeric) and all(_is_number(cells, known[name], name) for name in numeric)


def _is_number(cells: Cells, word: str, name: str) -> bool:
    try:
        cells.moment(word) if name == cells.columns.time else cells.number(word, name)
    except ValueError:
        return False
    return True


def _readable(
    numbered: Sequence[tuple[str, int]], columns: Columns, file: str, say: Say
) -> tuple[list[list[str]], list[int]]:
    try:
        return _split([line for line, _ in numbered], columns), [number for _, number in numbered]
    except _Unsplit as error:
        if len(numbered) == 1:
            say(f"{file} line {numbered[0][1]}: {error}: left out")
            return [], []
    middle = len(numbered) // 2
    halves = [_readable(half, columns, file, say) for half in (numbered[:middle], numbered[middle:])]
    return [row for rows, _ in halves for row in rows], [number for _, numbers in halves for number in numbers]


class _Unsplit(Exception):
    """A line among these is no row of cells; the message says why."""


def _split(lines: Sequence[str], columns: Columns) -> list[list[str]]:
    if "\0" in "\n".join(lines):  # Python 3.10 refuses it, newer ones take it for a letter
        raise _Unsplit("a zero byte: is this UTF-16?")
    if not columns.separator:
        return [split_blanks(line) for line in lines]
    try:
        # An open quote swallows the lines after it. The empty line at the end shows one that no line is left to follow.
        rows = list(csv.reader([*lines, ""], delimiter=columns.separator))
    except csv.Error as error:
        # Of a carriage return Python says more, about how the file was opened.
        within = any("\r" in line for line in lines)
        raise _Unsplit("a carriage return within the line" if within else str(error)) from error
    if len(rows) != len(lines) + 1:
        raise _Unsplit("a quote is opened and not closed")
    return rows[:-1]


def no_time(_unit: str) -> float:
    """Nothing is known of any unit."""
    return -math.inf


def read_arriving(
    cells: Iterable[Cut], columns: Columns, *, file: str, say: Say, last: Callable[[str], float] = no_time
) -> Iterator[Arrived]:
    """*last* says each unit's last time so far, from which times of day go on.

    Raises BadData where a column is missing: then no row of the log can be read.
    """
    yield from keep_rising(read_any_order(cells, columns, file=file, say=say), columns, file=file, say=say, last=last)


def read_any_order(cells: Iterable[Cut], columns: Columns, *, file: str, say: Say) -> Iterator[Arrived]:
    """As read_arriving, before it is known which rows rise."""
    layout, known = None, None
    for header, rows, lines in under_headers(cells, columns, file=file, say=say):
        if layout is None or header != known:
            layout, known = Layout(columns, header, file=file, say=say), header
        yield from _read_rows(layout, rows, lines, say)


def keep_rising(
    pieces: Iterable[Arrived], columns: Columns, *, file: str, say: Say, last: Callable[[str], float] = no_time
) -> Iterator[Arrived]:
    """Those rows whose time comes after the one of their unit before; the others are said."""
    order = _Order(columns, file, say, last)
    try:
        for arrived in pieces:
            yield from order.keep_rising(arrived)
    finally:
        order.sum_up()


def sort_rows(pieces: Sequence[Arrived], *, file: str, say: Say) -> Iterator[Arrived]:
    """All rows in the order of time, and of those of one unit and time the last one, as training takes them."""
    if not pieces:
        return
    whole = join_rows(pieces)
    rows, codes = whole.rows, np.empty(len(whole.times), dtype=np.intp)
    for number, places in enumerate(by_unit(rows.units).places().values()):
        codes[places] = number
    order = np.lexsort((rows.times, codes))
    again = np.append((np.diff(codes[order]) == 0) & (np.diff(rows.times[order]) == 0), False)
    kept = np.sort(order[~again])
    kept = kept[np.argsort(rows.times[kept], kind="stable")]
    read = np.argsort(codes, kind="stable")
    moved = int(((np.diff(rows.times[read]) <= 0) & (np.diff(codes[read]) == 0)).sum())
    if moved:
        say(
            f"{file}: sort = true: rows put in the order of time ({moved:,} did not come after the one before); "
            f"{int(again.sum()):,} left out whose unit has a later row of the same time"
        )
    for begin in range(0, len(kept), ROWS_AT_ONCE):
        yield pick_rows(whole, kept[begin : begin + ROWS_AT_ONCE])


def _read_rows(layout: Layout, rows: Sequence[Sequence[Cell]], lines: Sequence[int], say: Say) -> Iterator[Arrived]:
    try:
        yield Arrived(*layout.read(rows, lines))
    except BadData as error:
        if len(rows) == 1:
            say(f"{error.cause}: left out")
            return
        middle = len(rows) // 2
        yield from _read_rows(layout, rows[:middle], lines[:middle], say)
        yield from _read_rows(layout, rows[middle:], lines[middle:], say)


@dataclass(frozen=True)
class ByUnit:
    """Which of some rows are whose."""

    names: list[str]
    """The units, in the order in which they appear."""
    order: NDArray[np.intp]
    """(rows,) unit by unit, those of each as they came."""
    begins: NDArray[np.intp]
    """(units,) where in `order` each unit's rows begin, and where they end."""
    ends: NDArray[np.intp]

    def places(self) -> dict[str, NDArray[np.intp]]:
        """The rows of each unit."""
        return dict(zip(self.names, np.split(self.order, self.begins[1:]), strict=True)) if self.names else {}


def by_unit(units: Sequence[str]) -> ByUnit:
    """*units*: whose each row is."""
    number = {unit: place for place, unit in enumerate(dict.fromkeys(units))}
    codes = np.fromiter(map(number.__getitem__, units), dtype=np.intp, count=len(units))
    counts = np.bincount(codes, minlength=len(number))
    ends = np.cumsum(counts)
    return ByUnit(list(number), np.argsort(codes, kind="stable"), ends - counts, ends)


class _Moment(NamedTuple):
    """When a row was written: its time, the same as its log has it, and its line."""

    time: float
    written: str
    line: int

    def __str__(self) -> str:
        return f"{self.written} (line {self.line})" if self.line else self.written


class _Order:
    """Lets through the rows that training would take: with a time, and one that comes after the unit's last.

    Late rows are named once per unit: a log sent twice would name each of its rows.
    """

    def __init__(self, columns: Columns, file: str, say: Say, last: Callable[[str], float]) -> None:
        self._before = last if columns.dates == TIME_OF_DAY else no_time
        self._goes_on = columns.dates == TIME_OF_DAY or bool(columns.zone)
        self._columns, self._time, self._file, self._say = columns, columns.time, file, say
        self._last: dict[str, _Moment] = {}
        self._late: dict[str, int] = {}

    def keep_rising(self, arrived: Arrived) -> Iterator[Arrived]:
        rows = arrived.rows
        if not self._goes_on and self._all_rise(arrived):
            yield arrived
            return
        moments = map(_Moment, rows.times.tolist(), arrived.times, rows.lines.tolist())
        times = [self._take(unit, moment) for unit, moment in zip(rows.units, moments, strict=True)]
        if self._goes_on:
            arrived = replace(arrived, rows=replace(rows, times=np.array([t or 0.0 for t in times], dtype=np.float64)))
        if None not in times:
            yield arrived
        elif any(time is not None for time in times):
            yield pick_rows(arrived, np.array([row for row, time in enumerate(times) if time is not None]))

    def _all_rise(self, arrived: Arrived) -> bool:
        """Whether each row comes after the one of its unit before it, as nearly always; then the last ones are kept."""
        each, rows = by_unit(arrived.rows.units), arrived.rows
        times = rows.times[each.order]
        before = np.append(-np.inf, times[:-1])
        before[each.begins] = [
            last.time if (last := self._last.get(unit)) else self._before(unit) for unit in each.names
        ]
        rise = bool((times > before).all())  # False also where a time is missing: NaN compares with nothing
        if rise:
            last = each.order[each.ends - 1].tolist()
            here = (_Moment(float(rows.times[row]), arrived.times[row], int(rows.lines[row])) for row in last)
            self._last.update(zip(each.names, here, strict=True))
        return rise

    def _take(self, unit: str, moment: _Moment) -> float | None:
        """The time of the row, as training takes it; None: the row is left out."""
        last = self._last.get(unit) or _Moment(self._before(unit), "the last one taken", 0)
        if self._goes_on:
            moment = self._going_on(moment, last)
        # False also where the time is missing: NaN compares with nothing.
        if moment.time > last.time:
            self._last[unit] = moment
            return moment.time
        self._leave_out(unit, moment, last)
        return None

    def _going_on(self, moment: _Moment, last: _Moment) -> _Moment:
        """The time as training takes it: over midnight, and over an hour that local clocks show twice."""
        if self._columns.dates == TIME_OF_DAY and math.isfinite(last.time):
            day = 86400.0 / SECONDS[self._columns.time_unit]
            days = max(0.0, last.time // day - moment.time // day)  # time gone by, like 49:30:00, has its days itself
            return moment._replace(time=moment.time + day * (days + (moment.time + day * days < last.time)))
        again = second_readings(np.array([moment.time]), self._columns) if moment.time <= last.time else []
        return moment._replace(time=again[0][1]) if again else moment

    def _leave_out(self, unit: str, moment: _Moment, last: _Moment) -> None:
        where = f"{self._file} line {moment.line}: {self._time}"
        if math.isnan(moment.time):
            self._say(f"{where}: the time is missing: left out")
            return
        self._late[unit] = self._late.get(unit, 0) + 1
        if self._late[unit] == 1:
            late = f"{moment.written} of unit '{unit}' does not come after {last}"
            self._say(f"{where}: {late}: left out (more are counted at the end)")

    def sum_up(self) -> None:
        """Tell what was not named row by row."""
        rows, units = sum(self._late.values()), len(self._late)
        if rows > units:
            self._say(
                f"{self._file}: {rows:,} rows ({units:,} units) left out: their time does not rise. "
                "Of a file with its newest rows first, sort the rows by time"
            )


def join_rows(pieces: Sequence[Arrived]) -> Arrived:
    rows = [piece.rows for piece in pieces]
    if len(rows) == 1:
        return pieces[0]
    return Arrived(
        Rows(
            units=[unit for piece in rows for unit in piece.units],
            times=np.concatenate([piece.times for piece in rows]),
            values=np.concatenate([piece.values for piece in rows]),
            conditions=np.concatenate([piece.conditions for piece in rows]),
            lines=np.concatenate([piece.lines for piece in rows]),
        ),
        [moment for piece in pieces for moment in piece.times],
    )


def pick_rows(arrived: Arrived, places: NDArray[np.intp]) -> Arrived:
    """The rows at *places* (rows,), in that order."""
    rows = arrived.rows
    return Arrived(
        Rows(
            units=[rows.units[place] for place in places],
            times=rows.times[places],
            values=rows.values[places],
            conditions=rows.conditions[places],
            lines=rows.lines[places],
        ),
        [arrived.times[place] for place in places],
    )
