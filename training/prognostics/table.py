"""Sensor logs as columns: what a description asks for of one file, whole or in pieces.

Text is cut into cells and the cells are converted by Arrow's own code; only a cell that is no plain number is looked at
by itself, once for all rows that hold the same. Where something is wrong, file, line and column are found afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.numerals import is_decimal, read_decimal
from training.prognostics.arrow_cells import Floats, as_text
from training.prognostics.cells import TEXT, trim, unit_of_file
from training.prognostics.column_reader import TableReader
from training.prognostics.columns import Columns
from training.prognostics.dates import HOUR_ALONE, MIDNIGHT, ONE_DIGIT, Change, days_and_clock
from training.prognostics.dialect import Dialect
from training.prognostics.file_names import words_in_path
from training.prognostics.wrong_cells import Clock, cell_of, line_of


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
    values: dict[str, NDArray[np.float32]]
    """(rows,) for each channel and condition; NaN where missing. Of a text column: which of its `texts`, or -1."""
    texts: Mapping[str, list[str]]
    marks: Floats
    """(rows,) what tells of the failure: a time or 0 and 1; NaN where it says nothing, or all where nothing tells."""

    at: NDArray[np.int64] | None = None
    """(rows,) which rows of the file these are, or begin with; None: all of them."""
    wrong: int = 0
    """Cells of the file that could not be read so far; they stand as missing here, and are refused at its end."""
    headers_again: int = 0
    """Lines of the file so far that name the columns once more; they are no rows."""
    block: NDArray[np.float32] | None = None
    """(columns, rows): of a whole file, the array whose rows `values` are, in their order."""

    def __len__(self) -> int:
        return len(self.times)

    def row(self, row: int) -> int:
        """Which row of the file *row* is."""
        return row if self.at is None else int(self.at[row])

    def line(self, row: int) -> int:
        """The number of the line in which *row* stands."""
        return line_of(self.file, self.dialect, self.row(row))

    def cell(self, row: int, column: str) -> str:
        """What the file itself, or its path, says there: numbers made of dates say nothing to who wrote them."""
        in_path = words_in_path(self.file, self.columns.path)
        return in_path[column] if column in in_path else cell_of(self.file, self.dialect, self.row(row), column)


class Words:
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


@dataclass(frozen=True)
class Marks:
    """What tells of the failure in each row: *column* holds a time, or one of the words *failed*, or 0 and 1."""

    column: str = ""
    is_time: bool = False
    failed: tuple[str, ...] = ()


@dataclass
class Met:
    """The units and the words of text columns met so far, in the order in which they appeared."""

    units: Words = field(default_factory=lambda: Words())
    texts: dict[str, Words] = field(default_factory=dict)
    written: Any = None
    """The times of the last piece as the file has them, an Arrow array."""


def table_pieces(
    file: Path, dialect: Dialect, columns: Columns, clock: Clock, marks: Marks, met: Met
) -> Iterator[Table]:
    """The columns of *file* in pieces of bounded size; *met* goes on from one to the next.

    Raises BadData, at the end, where a cell is wrong.
    """
    reader = TableReader(file, dialect, columns, clock)
    names = list(dict.fromkeys((*columns.channels, *columns.conditions)))
    wanted = [name for name in (columns.unit, *columns.timed_by, *names, marks.column) if name]
    wanted = list(dict.fromkeys(wanted))
    piece = None
    for batch in reader.batches(wanted):
        rows = len(batch[wanted[0]])
        units = _units(reader, batch, met.units, rows)
        moments = _join([batch[name] for name in columns.timed_by])
        times = reader.moments(moments, columns.time)
        # In one piece, not one for each column: small ones go back to the system each time, and come anew, zeroed.
        values = np.empty((len(names), rows), dtype=np.float32)
        for place, name in enumerate(names):
            values[place] = _values(reader, name, batch[name], times, met)
        told = _marks(reader, batch, marks, rows)
        texts = {name: list(words.known) for name, words in met.texts.items()}
        met.written, names_met = moments, list(met.units.known)
        wrong, again = reader.wrong_count, reader.headers_again
        named = dict(zip(names, values, strict=True))
        piece = Table(file, dialect, columns, names_met, units, times, named, texts, told, reader.rows, wrong, again)
        yield piece
    reader.refuse_wrong()
    if piece is None:
        raise BadData(f"{file} has no rows", "Take it out of the description, or wait until there are some.")


def _values(reader: TableReader, name: str, column: Any, times: Floats, met: Met) -> NDArray[np.floating]:
    if reader.kind(name) == TEXT:
        return _categories(reader, column, met.texts.setdefault(name, Words()))
    if name == reader.columns.time:  # age as a sign of wear: the time itself, in its unit
        return times
    return reader.numbers(column, name)


def _units(reader: TableReader, batch: Any, known: Words, rows: int) -> NDArray[np.int32]:
    column = reader.columns.unit
    if not column:
        return known.codes(np.zeros(rows, dtype=np.int32), [unit_of_file(reader.file)])
    codes, words = reader.words(batch[column])
    zeros = np.flatnonzero(np.isin(codes, [n for n, word in enumerate(words) if "\0" in word]))
    reader.wrong(zeros, column, lambda _: "holds bytes of 0, as where a logger's power is cut")
    nameless = np.flatnonzero(np.isin(codes, [n for n, word in enumerate(words) if not word]))
    if len(nameless):
        # As one unit named "" the rows of different machines would be taken for one machine's.
        hint = "Name the unit in every row; leave out `unit` where each file is one unit. NA and null name none."
        reader.wrong(nameless, column, lambda _: "names no unit", hint)
    return known.codes(codes, words)


def _categories(reader: TableReader, column: Any, known: Words) -> NDArray[np.float32]:
    """Which of the known words each row holds; NaN where it holds none."""
    codes, words = reader.words(column)
    absent = [number for number, word in enumerate(words) if reader.is_absent(word)]
    found = np.full(len(codes), np.nan, dtype=np.float32)
    here = ~np.isin(codes, absent)
    found[here] = known.codes(codes[here], words)
    return found


def _marks(reader: TableReader, batch: Any, marks: Marks, rows: int) -> Floats:
    if not marks.column:
        return np.full(rows, np.nan)
    column = batch[marks.column]
    if marks.is_time:
        return reader.moments(column, marks.column)
    if not marks.failed:
        return reader.numbers(column, marks.column)
    meant = {trim(word).casefold() for word in marks.failed}
    return reader.by_word(
        column, marks.column, lambda word: np.nan if reader.is_absent(word) else float(_same(word, meant))
    )


def _same(word: str, meant: set[str]) -> bool:
    """Whether *word* is one of *meant*; 7 and 7.0 are one number."""
    word = trim(word).casefold()
    numbers = (read_decimal(one) for one in meant if is_decimal(one))
    return word in meant or (is_decimal(word) and read_decimal(word) in numbers)


def _join(parts: Sequence[Any]) -> Any:
    """As dates.join_time, of whole columns; null where one of them is."""
    import pyarrow.compute as compute

    if len(parts) == 1:
        return parts[0]
    days, clock = days_and_clock([compute.utf8_trim_whitespace(as_text(part)) for part in parts])
    day = compute.binary_join_element_wise(*days, "-")
    if not clock:
        return day
    if len(clock) == 1:
        return compute.binary_join_element_wise(_put(day, MIDNIGHT), _put(clock[0], HOUR_ALONE), " ")
    rest = [_put(part, ONE_DIGIT) for part in clock[1:]]
    return compute.binary_join_element_wise(day, compute.binary_join_element_wise(clock[0], *rest, ":"), " ")


def _put(column: Any, change: Change) -> Any:
    import pyarrow.compute as compute

    return compute.replace_substring_regex(column, change.found.pattern, change.put)
