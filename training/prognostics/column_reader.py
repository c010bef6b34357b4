"""The columns of one file as numbers: Arrow's code for whole columns, cells.py for each odd word once.

Wrong cells are gathered while the file is read, and named by line at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.arrow_batches import read_batches
from training.prognostics.arrow_cells import (
    Floats,
    as_floats,
    as_stamps,
    as_text,
    encode,
    microseconds,
    repeat_words,
    rows_of_names,
    word_in,
)
from training.prognostics.cells import NAIVE, NUMBER, ZONED, Cells, kind_of_time, shorten, trim
from training.prognostics.columns import SECONDS, Columns, Tags, names_in_files
from training.prognostics.dialect import PARQUET, Dialect
from training.prognostics.file_names import words_in_path
from training.prognostics.log_keys import DIGITS, TIME_OF_DAY
from training.prognostics.tag_rows import pick_tags
from training.prognostics.wrong_cells import (
    FIX,
    FIX_TIMES,
    FLOAT32_MOST,
    IN_PATH,
    SAME_KIND,
    SHOWN,
    Clock,
    Wrong,
    line_of,
    refuse,
    require_names,
    require_same_headers,
)


class TableReader:
    """Reads one file. Raises BadData, which names each wrong cell by file, line and column."""

    def __init__(self, file: Path, dialect: Dialect, columns: Columns, clock: Clock) -> None:
        self.file, self.dialect, self.columns, self._clock = file, dialect, columns, clock
        self._cells = Cells(columns)
        self._in_path: Mapping[str, str] = {}
        self._wrong: list[Wrong] = []
        self.wrong_count = 0
        self.headers_again = 0
        """Lines so far that name the columns once more, and are no rows."""
        self.rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        """(rows,) which rows of the file those of the last batch are."""

    def batches(self, wanted: Sequence[str]) -> Iterator[Any]:
        """Each wanted column of some rows; what stands in the file's path is the same in all of them."""
        self._in_path = in_path = words_in_path(self.file, self.columns.path)
        in_file = names_in_files(self.columns, wanted)
        require_names(self.dialect.header, in_file, self.file, self.dialect.above + 1)
        self._refuse_twice(in_path)
        begin = 0
        for batch in read_batches(self.file, self.dialect, in_file, self._cells):
            rows = self._without_headers(batch)
            count = len(rows[in_file[0]])
            self.rows = np.arange(begin, begin + count)
            begin += count
            rows = {**rows, **repeat_words(in_path, count)}
            yield self._of_tags(rows, self.columns.tags) if self.columns.tags else rows
        if self.headers_again:
            require_same_headers(self.file, self.dialect, in_file)

    def _without_headers(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of files put one behind the other the header stands again between their rows."""
        again = None if self.dialect.form == PARQUET else rows_of_names(batch)
        if again is None:
            return batch
        self.headers_again += int(again.sum())
        kept = np.flatnonzero(~again)
        return {name: column.take(kept) for name, column in batch.items()}

    def _of_tags(self, batch: Mapping[str, Any], tags: Tags) -> Mapping[str, Any]:
        found = pick_tags(batch, tags, where=str(self.file))
        self.rows = self.rows[found.rows]
        return found.columns

    def _refuse_twice(self, in_path: Mapping[str, str]) -> None:
        both = [name for name in in_path if name in self.dialect.header]
        if both:
            raise BadData(
                f"{self.file}: '{both[0]}' stands in its path, and it has a column of that name, too",
                f"Give the place in path another name, such as {{{both[0]}_of_file}}, and take that one.",
            )

    def refuse_wrong(self) -> None:
        if self._wrong:
            refuse(self.file, self.dialect, self._wrong, self.wrong_count)

    def kind(self, name: str) -> str:
        return self._cells.kinds.get(name, "")

    def is_absent(self, word: str) -> bool:
        return self._cells.is_absent(word)

    # -- columns of one batch -------------------------------------------------------------------------------------

    def numbers(self, column: Any, name: str) -> Floats:
        """(rows,) what *column* (an Arrow array) says; NaN where it says nothing."""
        found = as_floats(column, self._cells, self._cells.kinds.get(name, ""))
        if found is None:
            found = self.by_word(column, name, lambda word: self._cells.number(word, name))
        return self._measurable(found, column, name)

    def _measurable(self, found: Floats, column: Any, name: str) -> Floats:
        stand_ins = self._cells.stand_ins
        if len(stand_ins):
            found = np.where(np.isin(found.astype(np.float32), stand_ins), np.nan, found)
        if not _are_small(found):
            beyond = np.abs(found) > FLOAT32_MOST
            for row in np.flatnonzero(beyond):
                word = shorten(word_in(column, int(row)))
                infinite = np.isinf(found[row])
                why = (
                    f"'{word}' is not finite" if infinite else f"{found[row]:g} is larger than a sensor's value can be"
                )
                self._wrong.append(Wrong(int(self.rows[row]), name, why))
            found = np.where(beyond, np.nan, found)
        return found

    def by_word(self, column: Any, name: str, convert: Callable[[str], float], hint: str = FIX) -> Floats:
        """Each different word of *column* converted once."""
        codes, words = encode(column)
        table, why = np.full(len(words) + 1, np.nan), {}
        for place, word in enumerate(words):
            try:
                table[place] = convert(word)
            except ValueError as error:
                why[place] = str(error)
        if why:
            self.wrong(np.flatnonzero(np.isin(codes, list(why))), name, lambda row: why[int(codes[row])], hint)
        return table[codes]

    def moments(self, column: Any, name: str) -> Floats:
        """(rows,) times in the log's own unit; NaN where the cell is empty."""
        found = self._moments(column, name)
        far = np.flatnonzero(np.abs(found) > FLOAT32_MOST / 4)  # remaining life is a difference of two, in float32
        self.wrong(far, name, lambda row: f"'{word_in(column, row)}' is {_how_far(found[row])}")
        return np.where(np.abs(found) > FLOAT32_MOST / 4, np.nan, found) if len(far) else found

    def _moments(self, column: Any, name: str) -> Floats:
        import pyarrow as pa

        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            if not self.columns.zone or getattr(column.type, "tz", None):
                return self._of_stamps(column, name)
            column = as_text(column)  # what a clock on the wall showed
        if self.columns.dates not in (DIGITS, TIME_OF_DAY):
            numbers = as_floats(column, self._cells, "")
            if numbers is not None:
                self._one_kind(column, name, lambda: NUMBER, numbers)
                return self._of_epoch(numbers)
            stamps = as_stamps(column)
            if stamps is not None and not self.columns.zone:
                return self._of_stamps(stamps, name, words=column)
        found = self.by_word(column, name, self._cells.moment, FIX_TIMES)
        self._kinds_by_word(column, name, found)
        return found

    def _of_epoch(self, numbers: Floats) -> Floats:
        epoch, begins = self.columns.epoch, self.columns.epoch_begins
        return (numbers / epoch + begins) / SECONDS[self.columns.time_unit] if epoch else numbers

    def _of_stamps(self, stamps: Any, name: str, words: Any = None) -> Floats:
        """Microseconds since 1970 to steps of the log's unit, exactly as Python's datetime does it."""
        import pyarrow as pa

        zoned = pa.types.is_timestamp(stamps.type) and stamps.type.tz is not None
        found = microseconds(stamps)
        known = ~np.isnan(found)
        if known.any() and self.columns.time_unit not in SECONDS:
            unit = f"is a date: say time_unit = one of {', '.join(SECONDS)}"
            shown = stamps if words is None else words
            self.wrong(np.flatnonzero(known)[:1], name, lambda row: f"'{word_in(shown, row)}' {unit}")
            return found
        self._one_kind(stamps if words is None else words, name, lambda: ZONED if zoned else NAIVE, found)
        return found / 1e6 / SECONDS.get(self.columns.time_unit, 1.0)

    def _one_kind(self, column: Any, name: str, kind: Callable[[], str], found: Floats) -> None:
        """All words of *column* are of one kind: the first stands for them."""
        rows = np.flatnonzero(~np.isnan(found))
        if len(rows):
            self._same_kind(kind(), int(rows[0]), word_in(column, int(rows[0])), name)

    def _kinds_by_word(self, column: Any, name: str, found: Floats) -> None:
        codes, words = encode(column)
        known = np.flatnonzero(~np.isnan(found))
        kinds = {code: kind_of_time(words[code].strip()) for code in np.unique(codes[known]).tolist()}
        for row in known[:1] if len(set(kinds.values())) == 1 else known:
            code = int(codes[row])
            self._same_kind(kinds[code], int(row), words[code], name)

    def _same_kind(self, kind: str, row: int, word: str, name: str) -> None:
        kind = ZONED if self.columns.zone and kind == NAIVE else kind
        at = int(self.rows[row])
        other = self._clock.differs(kind, lambda: f"'{word}' ({self.file} line {line_of(self.file, self.dialect, at)})")
        if other:
            self.wrong(np.array([row]), name, lambda _: f"'{word}' is {other}", SAME_KIND)

    def words(self, column: Any) -> tuple[NDArray[np.int32], list[str]]:
        """(rows,) which of the words (stripped; "" where missing) each row holds."""
        codes, words = encode(column)
        bare = [trim(word) for word in words] + [""]
        return codes, bare

    def wrong(self, rows: NDArray[np.intp], column: str, why: Callable[[int], str], hint: str = FIX) -> None:
        """The first are kept to be shown, the others counted; what stands in the path is wrong once for all rows."""
        if column in self._in_path:
            said = any(one.column == column for one in self._wrong)
            rows, hint = rows[: 0 if said else 1], IN_PATH if hint in (FIX, FIX_TIMES) else hint
        self.wrong_count += len(rows)
        self._wrong += [Wrong(int(self.rows[row]), column, why(row), hint) for row in rows[:SHOWN].tolist()]


def _how_far(moment: float) -> str:
    return "not finite" if np.isinf(moment) else "farther away than any time can be"


def _are_small(found: Floats) -> bool:
    """Whether all are sure to be within float32; of some that are missing nothing is sure."""
    return not len(found) or bool(found.min() >= -FLOAT32_MOST and found.max() <= FLOAT32_MOST)
