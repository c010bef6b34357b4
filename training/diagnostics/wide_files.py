"""Files in which a row is a cycle: of each channel one with its samples, and one with the states in columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.diagnostics.description import Column, Layout
from training.errors import BadData
from training.prognostics.arrow_cells import as_floats
from training.prognostics.cells import Cells, split_blanks, trim
from training.prognostics.columns import Columns
from training.prognostics.dialect import TEXT_FILE, Dialect, form_of, text_lines
from training.prognostics.find_dialect import encoding_of
from training.prognostics.wrong_cells import FLOAT32_MOST, require_names, some_of

Array = NDArray[np.floating]
Row = tuple[list[str], int]
"""Its cells, and the number of its line."""

CELLS_AT_ONCE: Final = 1 << 16
CELLS: Final = Cells(Columns(time="", channels=()))
FIX: Final = "Fix these cells or empty them; an empty cell means: not measured."


def read_numbers(path: Path, layout: Layout) -> Array:
    """(cycles, samples) float32, NaN where a cell is empty. Raises BadData, which names the first cell that is none."""
    parts, some = list[Array](), list[Row]()
    known = Cells(Columns(time="", channels=(), missing=layout.missing))
    for row in _read(path, layout.separator):
        some.append(row)
        if len(some) * len(row[0]) >= CELLS_AT_ONCE:
            parts.append(_numbers(some, known, path))
            some.clear()
    return np.concatenate([*parts, _numbers(some, known, path)] if some else parts)


def _numbers(rows: Sequence[Row], known: Cells, path: Path) -> Array:
    import pyarrow as pa

    cells = [trim(cell) for row, _ in rows for cell in row]
    found = as_floats(pa.array([None if known.is_absent(cell) else cell for cell in cells], pa.string()), known, "")
    if found is None or not (np.abs(found[~np.isnan(found)]) <= FLOAT32_MOST).all():
        width = len(rows[0][0])
        place = next(place for place, cell in enumerate(cells) if not _is_small(cell, known))
        where = f"{path} line {rows[place // width][1]} column {place % width + 1}"
        raise BadData(f"{where}: '{cells[place]}' is not a number", FIX)
    numbers = found.astype(np.float32).reshape(len(rows), -1)
    numbers[np.isin(numbers, known.stand_ins)] = np.nan
    return numbers


def _is_small(cell: str, known: Cells) -> bool:
    """Whether *cell* holds nothing, or a number that is not beyond float32."""
    try:
        return not abs(known.number(cell, "")) > FLOAT32_MOST
    except ValueError:
        return False


def cut_blank_ends(tables: Sequence[Array]) -> list[Array]:
    """*tables* without the empty lines at the end of those that are longer than the shortest: in a file of one sample a
    row an empty line is a cycle that was not measured, or follows the last one.
    """
    fewest = min(map(len, tables))
    return [table if not np.isnan(table[fewest:]).all() else table[:fewest] for table in tables]


def read_words(path: Path, separator: str, columns: Sequence[Column]) -> list[tuple[str, ...]]:
    """What each of *columns* says of each cycle, "" where nothing; the first line holds their names, if any."""
    rows = list(_read(path, separator))
    if all(isinstance(column, int) for column in columns):
        return [_words(rows, _place(column, rows, path)) for column in columns if isinstance(column, int)]
    names = [trim(name) for name in rows[0][0]]
    require_names(names, list(map(str, columns)), path, rows[0][1])
    if len(rows) == 1:
        raise BadData(f"{path} has no rows", "Wait until there are some.")
    return [_words(rows[1:], names.index(str(column))) for column in columns]


def _place(number: int, rows: Sequence[Row], path: Path) -> int:
    if number > len(rows[0][0]):
        raise BadData(f"{path} has {len(rows[0][0])} columns, so none with the number {number}", "Count from 1.")
    return number - 1


def _words(rows: Sequence[Row], place: int) -> tuple[str, ...]:
    return tuple("" if CELLS.is_absent(row[place]) else trim(row[place]) for row, _ in rows)


def _read(path: Path, separator: str) -> Iterator[Row]:
    """Rows of one width. Empty lines are rows only where a row has one cell. Raises BadData where *path* is no such
    table, at the end where rows are longer or shorter than the first: nobody knows which of their cells are there.
    """
    width, uneven = 0, list[str]()
    for cells, line in _lines(path, separator):
        width = width or len(cells)
        if len(cells) == width or (width == 1 and not cells):
            yield cells or [""], line
        elif cells:
            uneven.append(f"{path} line {line}: {len(cells)} cells, but the first row has {width}")
    if uneven:
        raise BadData(
            some_of(uneven), "Every row has the same samples; an empty cell means: not measured. Write 5.1, not 5,1."
        )
    if not width:
        raise BadData(f"{path} is empty", "Take it out of the description, or wait until it has rows.")


def _lines(path: Path, separator: str) -> Iterator[Row]:
    """The cells of each line, none of an empty one."""
    form, packed = form_of(path)
    if form != TEXT_FILE:
        raise BadData(f"{path} is {form}, and files in which a row is a cycle are text", "Save it as CSV.")
    dialect = Dialect(packed=packed, separator=separator)
    dialect = Dialect(packed=packed, separator=separator, encoding=encoding_of(path, dialect))
    if not separator:
        yield from ((split_blanks(line), number) for number, line in enumerate(text_lines(path, dialect), start=1))
        return
    reader = csv.reader(text_lines(path, dialect), delimiter=separator, skipinitialspace=True)
    try:
        for row in reader:
            yield row, reader.line_num
    except csv.Error as error:
        raise BadData(f"{path} line {reader.line_num}: {error}", "Is a quotation mark left open there?") from error
