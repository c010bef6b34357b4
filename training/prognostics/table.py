"""Sensor logs as columns: one file, read by Arrow, its cells made numbers column by column.

Text is cut into cells and the cells are converted by Arrow's own code; only a cell that is no plain number is looked at
by itself, once for all rows that hold the same (cells.py). Where something is wrong, file, line and column are found
after the fact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.arrow_batches import read_batches
from training.prognostics.arrow_cells import Floats, as_floats, as_stamps, as_text, encoded, microseconds, word_in
from training.prognostics.cells import NAIVE, NUMBER, TEXT, ZONED, Cells, is_number, kind_of_time, unit_of_file
from training.prognostics.dialect import Dialect
from training.prognostics.log_keys import DIGITS, TIME_OF_DAY
from training.prognostics.log_schema import SECONDS, Columns
from training.prognostics.wrong_cells import (
    FLOAT32_MOST,
    SAME_KIND,
    Clock,
    Wrong,
    cell_of,
    line_of,
    refuse,
    require_names,
)


@dataclass(frozen=True)
class Table:
    """The wanted columns of one file."""

    file: Path
    dialect: Dialect
    columns: Columns
    names: list[str]
    """Of the units, in the order in which they appear."""
    units: NDArray[np.int32]
    """(rows,) which of the names."""
    times: Floats
    values: Mapping[str, NDArray[np.float32]]
    """(rows,) for each channel and condition; NaN where missing. Of a text column: which of its `texts`, or -1."""
    texts: Mapping[str, list[str]]
    marks: NDArray[Any]
    """(rows,) what tells of the failure: a time or 0 and 1; NaN where it says nothing, or all where nothing tells."""

    def __len__(self) -> int:
        return len(self.times)

    def line(self, row: int) -> int:
        """The number of the line in which *row* stands."""
        return line_of(self.file, self.dialect, row)

    def cell(self, row: int, column: str) -> str:
        """What the file itself says there: numbers made of dates say nothing to who wrote them."""
        return cell_of(self.file, self.dialect, row, column)


class TableReader:
    """Reads one file. Raises BadData, which names each wrong cell by file, line and column."""

    def __init__(self, file: Path, dialect: Dialect, columns: Columns, clock: Clock) -> None:
        self.file, self.dialect, self.columns, self._clock = file, dialect, columns, clock
        self._cells = Cells(columns)
        self._wrong: list[Wrong] = []
        self._row = 0

    def batches(self, wanted: Sequence[str]) -> Iterator[Any]:
        require_names(self.dialect.header, wanted, self.file, self.dialect.above + 1)
        yield from read_batches(self.file, self.dialect, wanted, self._cells)

    def refuse_wrong(self) -> None:
        if self._wrong:
            refuse(self.file, self.dialect, self._wrong)

    def advance(self, rows: int) -> None:
        self._row += rows

    # -- columns of one batch -------------------------------------------------------------------------------------

    def numbers(self, column: Any, name: str) -> Floats:
        """(rows,) what *column* (an Arrow array) says; NaN where it says nothing."""
        found = as_floats(column, self._cells, self._cells.kinds.get(name, ""))
        if found is None:
            found = self._by_word(column, name, lambda word: self._cells.number(word, name))
        return self._measurable(found, column, name)

    def _measurable(self, found: Floats, column: Any, name: str) -> Floats:
        stand_ins = [float(word) for word in self.columns.missing if is_number(word)]
        if stand_ins:
            found[np.isin(found, stand_ins)] = np.nan
        beyond = np.abs(found) > FLOAT32_MOST
        if beyond.any():
            for row in np.flatnonzero(beyond):
                word = word_in(column, int(row))
                infinite = np.isinf(found[row])
                why = (
                    f"'{word}' is not finite" if infinite else f"{found[row]:g} is larger than a sensor's value can be"
                )
                self._wrong.append(Wrong(self._row + int(row), name, why))
            found[beyond] = np.nan
        return found

    def _by_word(self, column: Any, name: str, convert: Callable[[str], float]) -> Floats:
        """Each different word of *column* converted once."""
        codes, words = encoded(column)
        table, why = np.full(len(words) + 1, np.nan), {}
        for place, word in enumerate(words):
            try:
                table[place] = convert(word)
            except ValueError as error:
                why[place] = str(error)
        if why:
            for row in np.flatnonzero(np.isin(codes, list(why))):
                self._wrong.append(Wrong(self._row + int(row), name, why[int(codes[row])]))
        return table[codes]

    def moments(self, column: Any, name: str) -> Floats:
        """(rows,) times in the log's own unit; NaN where the cell is empty."""
        found = self._moments(column, name)
        infinite = np.isinf(found)
        for row in np.flatnonzero(infinite):
            self._wrong.append(Wrong(self._row + int(row), name, f"'{word_in(column, int(row))}' is not finite"))
        return found

    def _moments(self, column: Any, name: str) -> Floats:
        import pyarrow as pa

        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return self._of_stamps(column, name)
        if self.columns.dates not in (DIGITS, TIME_OF_DAY):
            numbers = as_floats(column, self._cells, "")
            if numbers is not None:
                self._one_kind(column, name, lambda: NUMBER, numbers)
                return self._of_epoch(numbers)
            stamps = as_stamps(column)
            if stamps is not None and not self.columns.zone:
                return self._of_stamps(stamps, name, words=column)
        found = self._by_word(column, name, self._cells.moment)
        self._kinds_by_word(column, name)
        return found

    def _of_epoch(self, numbers: Floats) -> Floats:
        epoch = self.columns.epoch
        return numbers / epoch / SECONDS[self.columns.time_unit] if epoch else numbers

    def _of_stamps(self, stamps: Any, name: str, words: Any = None) -> Floats:
        """Microseconds since 1970 to steps of the log's unit, exactly as Python's datetime does it."""
        import pyarrow as pa

        zoned = pa.types.is_timestamp(stamps.type) and stamps.type.tz is not None
        found = microseconds(stamps)
        known = ~np.isnan(found)
        if known.any() and self.columns.time_unit not in SECONDS:
            row = int(np.flatnonzero(known)[0])
            why = f"'{word_in(stamps if words is None else words, row)}' is a date: say time_unit = one of "
            self._wrong.append(Wrong(self._row + row, name, why + ", ".join(SECONDS)))
            return found
        self._one_kind(stamps if words is None else words, name, lambda: ZONED if zoned else NAIVE, found)
        return found / 1e6 / SECONDS.get(self.columns.time_unit, 1.0)

    def _one_kind(self, column: Any, name: str, kind: Callable[[], str], found: Floats) -> None:
        """All words of *column* are of one kind: the first stands for them."""
        rows = np.flatnonzero(~np.isnan(found))
        if len(rows):
            self._same_kind(kind(), int(rows[0]), word_in(column, int(rows[0])), name)

    def _kinds_by_word(self, column: Any, name: str) -> None:
        codes, words = encoded(column)
        kinds = [None if self._cells.is_absent(word) else kind_of_time(word.strip()) for word in words]
        if len({kind for kind in kinds if kind}) == 1:
            row = int(np.flatnonzero(np.isin(codes, [n for n, kind in enumerate(kinds) if kind]))[0])
            self._same_kind(kind_of_time(words[codes[row]].strip()), row, words[codes[row]], name)
            return
        for row, code in enumerate(codes.tolist()):
            if code >= 0 and code < len(words) and kinds[code]:
                self._same_kind(str(kinds[code]), row, words[code], name)

    def _same_kind(self, kind: str, row: int, word: str, name: str) -> None:
        kind = ZONED if self.columns.zone and kind == NAIVE else kind
        at = self._row + row
        other = self._clock.differs(kind, lambda: f"'{word}' ({self.file} line {line_of(self.file, self.dialect, at)})")
        if other:
            self._wrong.append(Wrong(at, name, f"'{word}' is {other}", SAME_KIND))

    def words(self, column: Any) -> tuple[NDArray[np.int32], list[str]]:
        """(rows,) which of the words (stripped; "" where missing) each row holds."""
        codes, words = encoded(column)
        bare = [word.strip() for word in words] + [""]
        return codes, bare

    def wrong(self, rows: NDArray[np.intp], column: str, why: str, hint: str) -> None:
        self._wrong += [Wrong(self._row + int(row), column, why, hint) for row in rows]


@dataclass
class _Column:
    """A column in pieces, until the file is read."""

    pieces: list[NDArray[Any]] = field(default_factory=list)

    def whole(self, dtype: Any) -> NDArray[Any]:
        joined = np.concatenate(self.pieces) if self.pieces else np.empty(0, dtype=dtype)
        self.pieces.clear()
        return joined


class _Words:
    """Numbers words in the order in which they appear, over all batches."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def codes(self, codes: NDArray[np.int32], words: Sequence[str]) -> NDArray[np.int32]:
        """As *codes* number *words*: only words that occur are taken in, in the order of the rows."""
        present, first = np.unique(codes, return_index=True)
        table = np.zeros(len(words), dtype=np.int32)
        for code in present[np.argsort(first)]:
            table[code] = self.known.setdefault(words[code], len(self.known))
        return table[codes]


def read_table(
    file: Path,
    dialect: Dialect,
    columns: Columns,
    clock: Clock,
    *,
    mark: str = "",
    mark_is_time: bool = False,
    failed: Sequence[str] = (),
) -> Table:
    """The columns of *file*. *mark* tells of the failure: a time, or one of the words *failed*, or 0 and 1.

    Raises BadData where a column is missing or a cell is wrong, naming it by file and line.
    """
    reader = TableReader(file, dialect, columns, clock)
    names = list(dict.fromkeys((*columns.channels, *columns.conditions)))
    wanted = list(dict.fromkeys([n for n in (columns.unit, columns.time, columns.clock, *names, mark) if n]))
    units, times, marks = _Column(), _Column(), _Column()
    values, texts = (
        {name: _Column() for name in names},
        {n: _Words() for n in names if reader._cells.kinds.get(n) == TEXT},
    )
    known = _Words()
    for batch in reader.batches(wanted):
        rows = len(batch[wanted[0]])
        units.pieces.append(_units(reader, batch, known, columns, rows))
        moments = _joined(batch[columns.time], batch[columns.clock]) if columns.clock else batch[columns.time]
        times.pieces.append(reader.moments(moments, columns.time))
        for name in names:
            if name in texts:
                values[name].pieces.append(_categories(reader, batch[name], texts[name]))
            elif name == columns.time:  # age as a sign of wear: the time itself, in its unit
                values[name].pieces.append(times.pieces[-1].astype(np.float32))
            else:
                values[name].pieces.append(reader.numbers(batch[name], name).astype(np.float32))
        marks.pieces.append(_marks(reader, batch, mark, mark_is_time, failed, rows))
        reader.advance(rows)
    reader.refuse_wrong()
    if not times.pieces:
        raise BadData(f"{file} has no rows", "Take it out of the description, or wait until there are some.")
    return Table(
        file=file,
        dialect=dialect,
        columns=columns,
        names=list(known.known) or [unit_of_file(file)],
        units=units.whole(np.int32),
        times=times.whole(np.float64),
        values={name: column.whole(np.float32) for name, column in values.items()},
        texts={name: list(words.known) for name, words in texts.items()},
        marks=marks.whole(np.float64),
    )


def _units(reader: TableReader, batch: Any, known: _Words, columns: Columns, rows: int) -> NDArray[np.int32]:
    if not columns.unit:
        return np.zeros(rows, dtype=np.int32)
    codes, words = reader.words(batch[columns.unit])
    nameless = np.flatnonzero(np.isin(codes, [n for n, word in enumerate(words) if not word]))
    if len(nameless):
        # As one unit named "" the rows of different machines would be taken for one machine's.
        hint = "Name the unit in every row; leave out `unit` where each file is one unit."
        reader.wrong(nameless, columns.unit, "names no unit", hint)
    return known.codes(codes, words)


def _categories(reader: TableReader, column: Any, known: _Words) -> NDArray[np.float32]:
    """Which of the known words each row holds; NaN where it holds none."""
    codes, words = reader.words(column)
    absent = [number for number, word in enumerate(words) if reader._cells.is_absent(word)]
    found = np.full(len(codes), np.nan, dtype=np.float32)
    here = ~np.isin(codes, absent)
    found[here] = known.codes(codes[here], words)
    return found


def _marks(reader: TableReader, batch: Any, mark: str, mark_is_time: bool, failed: Sequence[str], rows: int) -> Floats:
    if not mark:
        return np.full(rows, np.nan)
    if mark_is_time:
        return reader.moments(batch[mark], mark)
    if not failed:
        return reader.numbers(batch[mark], mark)
    meant = {word.strip().lower() for word in failed}
    return reader._by_word(
        batch[mark], mark, lambda word: np.nan if reader._cells.is_absent(word) else float(_same(word, meant))
    )


def _same(word: str, meant: set[str]) -> bool:
    """Whether *word* is one of *meant*; 7 and 7.0 are one number."""
    word = word.strip().lower()
    return word in meant or (is_number(word) and any(is_number(one) and float(one) == float(word) for one in meant))


def _joined(dates: Any, clocks: Any) -> Any:
    """Date and time of day of two columns as one word; nothing where one of them is missing."""
    import pyarrow.compute as compute

    strip = compute.utf8_trim_whitespace
    return compute.binary_join_element_wise(strip(as_text(dates)), strip(as_text(clocks)), " ")
