"""Rows of a log as they arrive, a few at a time: from cells of text to numbers, as the whole file is read in training.

It needs NumPy alone, so that a forecast can be made on a small computer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.numerals import are_plain, is_decimal, read_decimal
from training.prognostics.cells import ZONED, Cells, kind_of_time, trim, unit_of_file
from training.prognostics.columns import Columns, names_in
from training.prognostics.dates import join_time
from training.prognostics.file_names import names_in_path, one_form, words_in_path
from training.prognostics.log_keys import DIGITS, TIME_OF_DAY
from training.prognostics.wrong_cells import FIX, FLOAT32_MOST, SAME_KIND, Clock, require_names, some_of

Say = Callable[[str], None]
Wrong = list[tuple[int, str, str]]
"""(line, column, why)"""
Cell = str | float
"""As a log has it, or a number of JSON, which nobody need write out to read it again."""
ByColumn = Sequence[Sequence[Cell]]
"""The cells of some rows, column by column."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a log, of one or many units, in the order of the file."""

    units: list[str]
    times: NDArray[np.float64]
    values: NDArray[np.float32]
    """(rows, features), NaN where missing"""
    conditions: NDArray[np.float32]
    """(rows, condition columns)"""
    lines: NDArray[np.int64]
    """Where each row stands in its file, from 1."""


class Layout:
    """Where each wanted column stands in the rows of one file."""

    def __init__(
        self, columns: Columns, header: Sequence[str], *, file: str, clock: Clock | None = None, say: Say | None = None
    ) -> None:
        """*say* is told of a word that training never met. Raises BadData where a wanted column is neither in *header*
        nor in the path of *file*.
        """
        header = list(map(one_form, header))
        self.columns, self.file, self.width = columns, file, len(header)
        said_there = {*names_in_path(columns.path)} - {*header}
        self._in_path = words_in_path(file, columns.path) if said_there else {}
        wanted = [name for name in names_in(columns) if name not in self._in_path]
        require_names(header, wanted, file, 1)
        self._place = {name: list(header).index(name) for name in wanted}
        self._place |= {name: self.width + nth for nth, name in enumerate(self._in_path)}
        self._clock = Clock() if clock is None else clock
        self._cells, self._categories = Cells(columns), dict(columns.categories)
        self._stand_ins = np.array([read_decimal(w) for w in columns.missing if is_decimal(w)], dtype=np.float32)
        self._say, self._strange = say or (lambda _: None), set[tuple[str, str]]()

    def read(self, rows: Sequence[Sequence[Cell]], lines: Sequence[int]) -> tuple[Rows, list[str]]:
        """Turn the cells of at least one row into numbers; and the time of each row as the log has it. Raises BadData,
        which names each wrong cell by file, line and column.
        """
        self._same_width(rows, lines)
        cells = list(zip(*rows, strict=False))[: self.width]  # what stands beyond the last column is blank
        cells += [(word,) * len(rows) for word in self._in_path.values()]
        columns, written = self.columns, self._written_times(cells)
        times = self._moments(written, lines)
        found = Rows(
            units=self._units(cells, lines),
            times=times,
            values=_side_by_side([self._feature(cells, lines, name, times) for name in columns.channels], len(rows)),
            conditions=_side_by_side([self._condition(cells, lines, name) for name in columns.conditions], len(rows)),
            lines=np.asarray(lines, dtype=np.int64),
        )
        return found, written

    def _written_times(self, cells: ByColumn) -> list[str]:
        parts = [self._words(cells, name) for name in self.columns.timed_by]
        if len(parts) == 1:
            return parts[0]
        return [
            "" if any(map(self._cells.is_absent, words)) else join_time(words) for words in zip(*parts, strict=True)
        ]

    def _words(self, cells: ByColumn, name: str) -> list[str]:
        return [_word_in(cell) for cell in cells[self._place[name]]]

    def _units(self, cells: ByColumn, lines: Sequence[int]) -> list[str]:
        if not self.columns.unit:
            return [unit_of_file(self.file)] * len(lines)
        named = self._words(cells, self.columns.unit)
        wrong = [
            (line, self.columns.unit, "names no unit") for unit, line in zip(named, lines, strict=True) if not unit
        ]
        if wrong:
            # As one unit named "" the rows of different machines would be taken for one machine's.
            self._refuse(wrong, "Name the unit in every row; leave out `unit` where each file is one unit.")
        return named

    def _feature(
        self, cells: ByColumn, lines: Sequence[int], name: str, times: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """(rows, 1), or (rows, words) of a text channel."""
        if name == self.columns.time:
            return times.astype(np.float32)[:, None]
        if name not in self._categories:
            return self._numbers(cells, lines, name).astype(np.float32)[:, None]
        codes = self._codes(cells, lines, name)
        features = codes[:, None] == np.arange(len(self._categories[name]))
        return np.where(np.isnan(codes)[:, None], np.float32(np.nan), features.astype(np.float32))

    def _condition(self, cells: ByColumn, lines: Sequence[int], name: str) -> NDArray[np.float32]:
        codes = self._codes if name in self._categories else self._numbers
        return codes(cells, lines, name).astype(np.float32)[:, None]

    def _codes(self, cells: ByColumn, lines: Sequence[int], name: str) -> NDArray[np.float64]:
        """Which of the words of training each row holds; NaN where it holds none of them."""
        known = {word: float(place) for place, word in enumerate(self._categories[name])}
        words = self._words(cells, name)
        for word, line in zip(words, lines, strict=True):
            if word not in known and not self._cells.is_absent(word) and (name, word) not in self._strange:
                self._strange.add((name, word))
                self._say(f"{self.file} line {line}: {name}: training never met '{word}': taken for not measured")
        return np.array([known.get(word, np.nan) for word in words])

    def _numbers(self, cells: ByColumn, lines: Sequence[int], name: str) -> NDArray[np.float64]:
        plain = self.columns.decimal == "." and not self.columns.thousands and name not in self._cells.kinds
        here = cells[self._place[name]]
        # Blanks around a number are none of Python's business, so nothing is stripped.
        found = _all_at_once(here) if plain else None
        if found is None:
            found = self._one_by_one(self._words(cells, name), lines, name, lambda word: self._cells.number(word, name))
        self._refuse_infinite(found, lines, name, lambda row: _word_in(here[row]))
        if len(self._stand_ins):
            found[np.isin(found.astype(np.float32), self._stand_ins)] = np.nan
        beyond = np.flatnonzero(np.abs(found) > FLOAT32_MOST)
        if len(beyond):
            self._refuse([(lines[i], name, f"{found[i]:g} is larger than a sensor's value can be") for i in beyond])
        return found

    def _moments(self, words: list[str], lines: Sequence[int]) -> NDArray[np.float64]:
        """Times in the log's own unit; NaN where the cell is empty."""
        columns, name = self.columns, self.columns.time
        plain = not columns.epoch and columns.dates not in (DIGITS, TIME_OF_DAY) and columns.decimal == "."
        found = _all_at_once(words) if plain else None
        if found is None:
            found = self._one_by_one(words, lines, name, self._cells.moment)
            spoken = range(len(words))
        else:  # all of one kind, so the first speaks for them
            spoken = range(int(np.argmin(np.isnan(found))), len(words))[:1]
        self._refuse_infinite(found, lines, name, lambda row: words[row])
        self._of_one_kind([words[row] for row in spoken], [lines[row] for row in spoken], name)
        return found

    def _name_cell(self, word: str, line: int) -> str:
        return f"'{word}' ({self.file} line {line})"

    def _of_one_kind(self, words: list[str], lines: Sequence[int], name: str) -> None:
        wrong: Wrong = []
        for word, line in zip(words, lines, strict=True):
            if not self._cells.is_absent(word):
                kind = ZONED if self.columns.zone else kind_of_time(word)
                other = self._clock.differs(kind, partial(self._name_cell, word, line))
                wrong += [(line, name, f"'{word}' is {other}")] if other else []
        if wrong:
            self._refuse(wrong, SAME_KIND)

    def _refuse_infinite(
        self, found: NDArray[np.float64], lines: Sequence[int], name: str, word: Callable[[int], str]
    ) -> None:
        infinite = np.flatnonzero(np.isinf(found)).tolist()
        if infinite:
            self._refuse([(lines[row], name, f"'{word(row)}' is not finite") for row in infinite])

    def _one_by_one(
        self, words: list[str], lines: Sequence[int], name: str, convert: Callable[[str], float]
    ) -> NDArray[np.float64]:
        found, wrong = [], []
        for word, line in zip(words, lines, strict=True):
            try:
                found.append(convert(word))
            except ValueError as error:
                wrong.append((line, name, str(error)))
        if wrong:
            self._refuse(wrong)
        return np.array(found, dtype=np.float64)

    def _same_width(self, rows: Sequence[Sequence[Cell]], lines: Sequence[int]) -> None:
        if set(map(len, rows)) == {self.width}:
            return
        wrong = [
            (line, "", f"{len(row)} cells, but the log has {self.width} columns")
            for row, line in zip(rows, lines, strict=True)
            if len(row) < self.width or any(_word_in(cell) for cell in row[self.width :])
        ]
        if wrong:
            self._refuse(wrong)

    def _refuse(self, wrong: Wrong, hint: str = FIX) -> None:
        raise BadData(
            some_of([f"{self.file} line {line}: {name + ': ' if name else ''}{what}" for line, name, what in wrong]),
            hint,
        )


def _word_in(cell: Cell) -> str:
    return trim(cell) if isinstance(cell, str) else repr(cell)


def _all_at_once(words: Sequence[Cell]) -> NDArray[np.float64] | None:
    """Ten times as fast as one by one; None where a cell is no plain number, such as 2024_03_01, or 1_000."""
    if not are_plain("".join(word for word in words if isinstance(word, str))):
        return None
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        return None


def _side_by_side(columns: list[NDArray[np.float32]], rows: int) -> NDArray[np.float32]:
    return np.concatenate(columns, axis=1) if columns else np.zeros((rows, 0), dtype=np.float32)
