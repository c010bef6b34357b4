"""Sensor logs as CSV or Parquet: from cells to numbers, and every wrong cell named by file and line.

`Layout` turns rows of cells into numbers; training reads whole files through it, `predict` feeds it lines as they come.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.config import nearest
from training.errors import BadData
from training.prognostics.log_schema import SECONDS, Columns, names_in

MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})
ROWS_AT_ONCE: Final = 50_000
FIX: Final = "Fix these rows or take them out; an empty cell means: not measured."
SAME_KIND: Final = (
    "Write all times in one way: numbers, or dates that all name their zone (2024-05-31T12:00:00+02:00), or none does."
)
FLOAT32_MOST: Final = float(np.finfo(np.float32).max)
SAMPLE_BYTES: Final = 1 << 16
SHOWN: Final = 5
"""How many wrong cells one message lists."""
_ZONED: Final = re.compile(r"[Zz]$|[T ]\d\d:?\d\d.*[+-]\d\d(:?\d\d){0,2}$")


@dataclass(frozen=True)
class Rows:
    """Some rows of a log, of one or many units, in the order of the file."""

    units: list[str]
    times: NDArray[np.float64]
    values: NDArray[np.float32]
    """(rows, channels), NaN where missing"""
    conditions: NDArray[np.float32]
    """(rows, condition columns)"""
    lines: NDArray[np.int64]
    """Where each row stands in its file, from 1."""


class Layout:
    """Where each wanted column stands in the rows of one file."""

    def __init__(
        self,
        columns: Columns,
        header: Sequence[str],
        *,
        file: str,
        extra: Sequence[str] = (),
        clock: Clock | None = None,
    ) -> None:
        """Logs that are read together share a *clock*.

        Raises BadData where a wanted column (or one of *extra*) is not in *header*."""
        self.columns, self.file, self.width = columns, file, len(header)
        self._place = _places(header, [*names_in(columns), *extra], file)
        self._clock = Clock() if clock is None else clock
        self._absent = MISSING | {word.strip().lower() for word in columns.missing}
        self._stand_ins = _numbers_among(columns.missing)

    def read(self, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> Rows:
        """Turn cells into numbers. Raises BadData, which names each wrong cell by file, line and column."""
        self._same_width(rows, lines)
        columns = self.columns
        numbers = {name: self.numbers(rows, lines, name) for name in (*columns.channels, *columns.conditions)}
        return Rows(
            units=self.units(rows, lines),
            times=self.moments(rows, lines, columns.time),
            values=_stacked([numbers[name] for name in columns.channels], len(rows)),
            conditions=_stacked([numbers[name] for name in columns.conditions], len(rows)),
            lines=np.asarray(lines, dtype=np.int64),
        )

    def units(self, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> list[str]:
        if not self.columns.unit:
            return [Path(self.file).stem] * len(rows)
        named = self.words(rows, self.columns.unit)
        nameless = [
            (line, self.columns.unit, "names no unit") for unit, line in zip(named, lines, strict=True) if not unit
        ]
        if nameless:
            # As one unit named "" the rows of different machines would be taken for one machine's.
            self._refuse(nameless, "Name the unit in every row; leave out `unit` where each file is one unit.")
        return named

    def words(self, rows: Sequence[Sequence[str]], name: str) -> list[str]:
        place = self._place[name]
        return [row[place].strip() for row in rows]

    def numbers(self, rows: Sequence[Sequence[str]], lines: Sequence[int], name: str) -> NDArray[np.float64]:
        found = self._converted(self.words(rows, name), lines, name, _number)
        found[np.isin(found, self._stand_ins)] = np.nan
        beyond = np.flatnonzero(np.abs(found) > FLOAT32_MOST)
        if len(beyond):
            self._refuse([(lines[i], name, f"{found[i]:g} is larger than a sensor's value can be") for i in beyond])
        return found

    def moments(self, rows: Sequence[Sequence[str]], lines: Sequence[int], name: str) -> NDArray[np.float64]:
        """Times of the column *name*; NaN where the cell is empty."""
        words = self.words(rows, name)
        found = self._converted(words, lines, name, lambda word: _moment(word, self.columns.time_unit))
        self._of_one_kind(words, lines, name)
        return found

    def _of_one_kind(self, words: list[str], lines: Sequence[int], name: str) -> None:
        """Local times beside times with a zone are hours apart, and nothing shows it but how they are written."""
        known = [(word, line) for word, line in zip(words, lines, strict=True) if word.lower() not in self._absent]
        wrong = []
        for word, line in known:
            other = self._clock.differs(word, f"{self.file} line {line}")
            if other:
                wrong.append((line, name, f"'{word}' is {other}"))
        if wrong:
            self._refuse(wrong, SAME_KIND)

    def _converted(
        self, words: list[str], lines: Sequence[int], name: str, convert: Callable[[str], float]
    ) -> NDArray[np.float64]:
        try:
            # All at once where every cell is a plain number: ten times as fast as one by one.
            found = np.array(words, dtype=np.float64)
        except ValueError:
            found = self._one_by_one(words, lines, name, convert)
        if np.isinf(found).any():
            self._refuse([(lines[i], name, f"'{words[i]}' is not finite") for i in np.flatnonzero(np.isinf(found))])
        return found

    def _one_by_one(
        self, words: list[str], lines: Sequence[int], name: str, convert: Callable[[str], float]
    ) -> NDArray[np.float64]:
        found, wrong = [], []
        for word, line in zip(words, lines, strict=True):
            try:
                found.append(np.nan if word.lower() in self._absent else convert(word))
            except ValueError as error:
                wrong.append((line, name, str(error)))
        if wrong:
            self._refuse(wrong)
        return np.array(found, dtype=np.float64)

    def _same_width(self, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> None:
        wrong = [(line, len(row)) for row, line in zip(rows, lines, strict=True) if len(row) != self.width]
        if wrong:
            self._refuse([(line, "", f"{width} cells, but the log has {self.width} columns") for line, width in wrong])

    def _refuse(self, wrong: Sequence[tuple[int, str, str]], hint: str = FIX) -> None:
        shown = [f"{self.file} line {line}: {name + ': ' if name else ''}{what}" for line, name, what in wrong[:SHOWN]]
        more = [f"... and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise BadData("\n".join(shown + more), hint)


class Clock:
    """How the times of a log are written: as the first of them was."""

    def __init__(self) -> None:
        self._first: tuple[str, str] | None = None

    def differs(self, word: str, place: str) -> str:
        """Why *word* does not go with the first time that was seen; empty where it does."""
        kind = _kind_of_time(word)
        if self._first is None:
            self._first = (kind, f"'{word}' ({place})")
        first, example = self._first
        return "" if kind == first else f"{kind}, unlike {example}"


def _kind_of_time(word: str) -> str:
    if _ZONED.search(word):
        return "a time with its zone"
    return "a number" if is_number(word) else "a time without a zone"


def is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def header_of(path: Path, separator: str) -> tuple[str, ...]:
    """The names of the columns as *path* has them in order; none where it has no row."""
    return next((tuple(header) for header, _, _ in read_cells(path, separator)), ())


def _numbers_among(words: Sequence[str]) -> NDArray[np.float64]:
    return np.array([float(word) for word in words if is_number(word)], dtype=np.float64)


def cell_at(path: Path, columns: Columns, name: str, line: int) -> str:
    """What *path* itself says there: numbers made of dates say nothing to who wrote them."""
    for header, rows, lines in read_cells(path, columns.separator):
        if line in lines:
            return rows[lines.index(line)][header.index(name)].strip()
    return ""


def read_cells(path: Path, separator: str) -> Iterator[tuple[list[str], list[list[str]], list[int]]]:
    """Yield (header, rows, line numbers) in pieces, so that a long log does not have to fit into memory as text."""
    if path.suffix == ".parquet":
        yield from _parquet_cells(path)
        return
    # utf-8-sig: spreadsheets write a byte-order mark that would become part of the first column's name.
    with path.open(encoding="utf-8-sig", newline="") as file:
        numbered = _numbered(path, csv.reader(file, delimiter=separator))
        header = [name.strip() for name in next(numbered, ([], 0))[0]]
        if not header:
            raise BadData(f"{path} is empty", "The first line must name the columns.")
        while piece := list(islice(numbered, ROWS_AT_ONCE)):
            yield header, [row for row, _ in piece], [line for _, line in piece]


def count_roughly(path: Path) -> int:
    """About how many rows *path* has, from its size and its first lines; of Parquet, exactly. 0: nobody knows."""
    if path.suffix == ".parquet":
        return int(_parquet_file(path).metadata.num_rows)
    with path.open("rb") as file:
        lines = file.read(SAMPLE_BYTES).splitlines(keepends=True)[1:]
    return int(path.stat().st_size * len(lines) / sum(map(len, lines))) if lines else 0


def _numbered(path: Path, reader: Any) -> Iterator[tuple[list[str], int]]:
    """Each row of *reader*, blank lines left out, and the number of its line."""
    try:
        for row in reader:
            if row or reader.line_num == 1:
                yield row, reader.line_num
    except UnicodeDecodeError as error:
        raise BadData(f"{path} line {_not_utf8(path)} is not UTF-8 text", "Save it as CSV UTF-8.") from error
    except csv.Error as error:
        raise BadData(
            f"{path} line {reader.line_num}: {error}",
            "Is a quotation mark left open there? Fix it, and save it as CSV UTF-8.",
        ) from error


def _not_utf8(path: Path) -> int:
    """Number of the first line that is not UTF-8: the decoder reads ahead, so its own place is not the reader's."""
    with path.open("rb") as file:
        return next(number for number, line in enumerate(file, start=1) if not _is_utf8(line))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parquet_file(path: Path) -> Any:
    try:
        from pyarrow import parquet  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise BadData(f"{path} is Parquet, and pyarrow is not installed", "pip install pyarrow, or use CSV") from error
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise BadData(f"{path} is not a Parquet file: {error}", "Was it copied whole?") from error


def _parquet_cells(path: Path) -> Iterator[tuple[list[str], list[list[str]], list[int]]]:
    start = 1
    for batch in _parquet_file(path).iter_batches(batch_size=ROWS_AT_ONCE):
        cells = [[_as_text(value) for value in column.to_pylist()] for column in batch.columns]
        yield (
            batch.schema.names,
            [list(row) for row in zip(*cells, strict=True)],
            list(range(start, start + len(batch))),
        )
        start += len(batch)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else str(value)


def _places(header: Sequence[str], wanted: Sequence[str], file: str) -> dict[str, int]:
    place = {name: number for number, name in reversed(list(enumerate(header)))}
    absent = [f"column '{name}' is not there{nearest(name, place)}" for name in wanted if name not in place]
    twice = [f"column '{name}' is there twice" for name in wanted if list(header).count(name) > 1]
    if absent or twice:
        raise BadData(f"{file} line 1: {'; '.join(absent + twice)}", f"The columns are: {', '.join(header)}")
    return {name: place[name] for name in wanted}


def _stacked(columns: list[NDArray[np.float64]], rows: int) -> NDArray[np.float32]:
    return np.stack(columns, axis=1).astype(np.float32) if columns else np.zeros((rows, 0), dtype=np.float32)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"'{word}' is not a number") from None


def _moment(word: str, time_unit: str) -> float:
    """A number as it is; a date and time in steps of *time_unit* since 1970, taken for UTC where it names no zone."""
    try:
        return float(word)
    except ValueError:
        pass
    try:
        # Python 3.10's fromisoformat does not know "Z".
        moment = datetime.fromisoformat(word.removesuffix("Z") + ("+00:00" if word.endswith("Z") else ""))
    except ValueError:
        raise ValueError(f"'{word}' is neither a number nor a date like 2024-05-31T12:00:00") from None
    if time_unit not in SECONDS:
        raise ValueError(f"'{word}' is a date: say time_unit = one of {', '.join(SECONDS)}")
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() / SECONDS[time_unit]
