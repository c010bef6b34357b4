"""Which cell in which line is wrong: found by reading the file once more, only where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from training.config import nearest
from training.errors import BadData
from training.numerals import is_decimal
from training.prognostics import dialect as dialects
from training.prognostics.cells import trim
from training.prognostics.dialect import Dialect, cells_by_hand, is_header, name_in, rows_by_hand
from training.prognostics.file_names import one_form
from training.prognostics.foreign_forms import name_foreign

SHOWN: Final = 5
"""How many wrong cells one message lists."""
FLOAT32_MOST: Final = float(np.finfo(np.float32).max)
SAME_KIND: Final = (
    "Write all times in one way: numbers, or dates that all name their zone (2024-05-31T12:00:00+02:00), or none does."
)
SHAPE: Final = (
    "A log has a row for each unit and time, and a column for each channel. Where each value has a row of its own, "
    "[tags] says so; of a table with a column for each unit pandas' melt makes one."
)
NO_PART: Final = (
    'Is it no part of the log? A pattern under files that does not mean it leaves it out: "logs/pump*.csv".'
)
FIX: Final = (
    "Fix these rows or take them out; an empty cell means: not measured.\n"
    'Another word that means so can be named in the TOML: missing = ["Bad"].'
)
FIX_TIMES: Final = (
    "Write times as numbers, or dates like 2024-05-31T12:00:00+02:00 or 31.05.2024 12:00; docs/sensors.md has more.\n"
    "Or take these rows out."
)
IN_PATH: Final = "It stands in the file's path: give the file another name, or path another pattern."


class Clock:
    """How the times of a log are written: as the first of them was."""

    def __init__(self) -> None:
        self.first: tuple[str, str] | None = None
        """Its kind, and what it says and where."""

    def differs(self, kind: str, place: Callable[[], str]) -> str:
        """Why a time of *kind* does not go with the first one; empty where it does. *place* says where it stands."""
        if self.first is None:
            self.first = (kind, place())
        first, example = self.first
        return "" if kind == first else f"{kind}, unlike {example}"


@dataclass(frozen=True)
class Wrong:
    """A cell that cannot be right: in which row of its file (from 0), in which column, and why."""

    row: int
    column: str
    why: str
    hint: str = FIX


def require_names(header: Sequence[str], wanted: Sequence[str], file: Path | str, line: int) -> None:
    """Raises BadData where a wanted column is not in *header*, or twice."""
    absent = [f"column '{name}' is not there{nearest(name, header)}" for name in wanted if name not in header]
    twice = [f"column '{name}' is there twice" for name in wanted if list(header).count(name) > 1]
    if absent or twice:
        names = ", ".join(" ".join(name.split()) for name in header)
        hint = f"The columns are: {names}"
        if foreign := name_foreign(header):
            hint = foreign
        elif any(is_decimal(name) for name in header):
            hint += '\nWhere a file begins without the names of its columns, say them: header = ["unit", "time", ...]'
        elif any(name[:1] == name[-1:] == '"' for name in header):
            hint += "\nBlanks stand before the quotation marks. Take them out: sed 's/, *\"/,\"/g' FILE > CLEAN"
        elif len([name for name in header if name]) == 1 and all(name in header[0] for name in wanted):
            hint += (
                "\nAll names stand in one cell. Is each line in quotation marks as a whole? Take these off. "
                'Are its cells apart by another sign? Say it: separator = "~"'
            )
        elif all(f"{name}.0" in header for name in wanted):
            hint = (
                "This looks like a table of columns. A table of rows: pandas.read_json(FILE).to_csv(CLEAN, index=False)"
            )
        elif len(absent) > 1:
            hint += f"\n{SHAPE}" + (f"\n{NO_PART}" if len(absent) == len(wanted) else "")
        raise BadData(f"{file} line {line}: {'; '.join(absent + twice)}", hint)


def some_of(lines: Sequence[str], count: int | None = None) -> str:
    """The first *lines* of a message, and how many more there are of *count*."""
    rest = (len(lines) if count is None else count) - SHOWN
    return "\n".join([*lines[:SHOWN], *([f"... and {rest} more"] if rest > 0 else [])])


def refuse(file: Path, dialect: Dialect, wrong: Sequence[Wrong], count: int) -> None:
    """Raises BadData: the first of *wrong* by line, as the rows stand, and how many more of *count*."""
    in_order = sorted(wrong, key=lambda one: one.row)
    if dialect.form != dialects.PARQUET:
        rows = {one.row for one in in_order[:SHOWN]}
        refuse_other_header(file, dialect, [it for n, it in enumerate(rows_by_hand(file, dialect)) if n in rows])
    lines = lines_of(file, dialect, [one.row for one in in_order[:SHOWN]])
    shown = [f"{file} line {line}: {one.column}: {one.why}" for one, line in zip(in_order, lines, strict=False)]
    raise BadData(some_of(shown, count), "\n".join(dict.fromkeys(one.hint for one in in_order)))


def refuse_other_header(file: Path, dialect: Dialect, rows: Sequence[tuple[Sequence[str], int]]) -> None:
    """Raises BadData where one of *rows*, each with its line, is the header of another log: put behind the first, with
    its columns in another order, or other ones.
    """
    for row, line in rows:
        if names_columns(row, dialect.header):
            raise BadData(
                f"{file} line {line} names other columns than line {dialect.above + 1}:\n"
                f"  {', '.join(filter(None, map(trim, row)))}\n  {', '.join(name for name in dialect.header if name)}",
                "Two logs were put one behind the other: name each file by itself under files.",
            )


def names_columns(row: Sequence[str], header: Sequence[str]) -> bool:
    """Whether *row* is a header as *header* is, be it in another order or with other columns besides."""
    names, cells = {name for name in header if name}, [trim(cell) for cell in row if trim(cell)]
    return len(names.intersection(cells)) >= min(2, len(names)) and not any(map(is_decimal, cells))


def require_same_headers(file: Path, dialect: Dialect, wanted: Sequence[str]) -> None:
    """Raises BadData where a line between the rows that names all *wanted* columns is not the header to the letter."""
    places = [(dialect.header.index(name), name) for name in wanted]
    again = [
        (row, line)
        for row, line in cells_by_hand(file, dialect)
        if line > dialect.first_row and all(place < len(row) and name_in(row[place]) == name for place, name in places)
    ]
    refuse_other_header(file, dialect, [(row, line) for row, line in again if not is_header(row, dialect)])


def lines_of(file: Path, dialect: Dialect, rows: Sequence[int]) -> list[int]:
    """The numbers of the lines in which *rows*, which rise, stand."""
    if dialect.form == dialects.PARQUET:
        return [row + 1 for row in rows]
    numbered = (line for _, line in rows_by_hand(file, dialect))
    wanted, found = set(rows), {}
    for row, line in enumerate(numbered):
        if row in wanted:
            found[row] = line
        if len(found) == len(wanted):
            break
    return [found.get(row, row + 1) for row in rows]


def line_of(file: Path, dialect: Dialect, row: int) -> int:
    return lines_of(file, dialect, [row])[0]


def cell_of(file: Path, dialect: Dialect, row: int, column: str) -> str:
    if dialect.form == dialects.PARQUET:
        done = 0
        there = next(name for name in dialects.parquet_file(file).schema_arrow.names if one_form(name) == column)
        for batch in dialects.parquet_file(file).iter_batches(columns=[there]):
            if row < done + len(batch):
                return str(batch.column(0)[row - done].as_py())
            done += len(batch)
        return ""
    rows = (cells for cells, _ in rows_by_hand(file, dialect))
    return next(islice(rows, row, None))[dialect.header.index(column)].strip()
