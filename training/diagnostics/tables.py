"""Tables in which a cycle is many rows, in whatever way they are written: they come in by the door that logs have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.diagnostics.description import Layout
from training.errors import BadData
from training.prognostics.cells import Cells
from training.prognostics.column_reader import TableReader
from training.prognostics.columns import Columns
from training.prognostics.dialect import PARQUET, Dialect, sample_rows
from training.prognostics.find_dialect import find_dialect
from training.prognostics.number_style import Style, style_of
from training.prognostics.wrong_cells import Clock, require_names

Words = NDArray[np.str_]


@dataclass(frozen=True)
class CycleTable:
    """Of one file: what each channel measured, (channels, rows) float32 with NaN where nothing was, and the *words* of
    other columns, (rows,) each, "" where a cell says nothing.
    """

    file: Path
    values: NDArray[np.floating]
    words: dict[str, Words]
    headers_again: int = 0


def read_table(path: Path, layout: Layout, told: Sequence[str]) -> CycleTable:
    """The channels of *path*, its cycles, and the columns *told*. Raises BadData, naming line and column."""
    columns = Columns(time=layout.cycle, channels=layout.channels, separator=layout.separator, missing=layout.missing)
    named, wanted = [layout.cycle, *told], list(dict.fromkeys([layout.cycle, *told, *layout.channels]))
    given = frozenset(["separator"] if layout.separator != "," else [])
    dialect = find_dialect(path, columns, wanted, given=given)
    require_names(dialect.header, wanted, path, dialect.above + 1)
    columns = replace(columns, **_style(path, dialect, columns)._asdict())
    reader = TableReader(path, dialect, columns, Clock())
    values, words = list[NDArray[np.floating]](), list[dict[str, Words]]()
    for batch in reader.batches(wanted):
        values.append(np.array([reader.numbers(batch[name], name) for name in layout.channels], dtype=np.float32))
        words.append({name: _words(reader, batch[name]) for name in named})
        _require_cycles(reader, words[-1][layout.cycle], layout)
    reader.refuse_wrong()
    if not values:
        raise BadData(f"{path} has no rows", "Take it out of the description, or wait until there are some.")
    whole = {name: np.concatenate([some[name] for some in words]) for name in named}
    return CycleTable(path, np.concatenate(values, axis=1), whole, reader.headers_again)


def _style(path: Path, dialect: Dialect, columns: Columns) -> Style:
    """How the file's first numbers are written. Raises BadData where "1,073" could be either."""
    if dialect.form == PARQUET:
        return Style()
    cells, places = Cells(columns), [dialect.header.index(name) for name in columns.channels]
    words = {row[place].strip() for row in sample_rows(path, dialect) for place in places if place < len(row)}
    try:
        return style_of([word for word in words if not cells.is_absent(word)], separator=dialect.separator,
                        where=str(path))  # fmt: skip
    except BadData as error:
        raise BadData(
            error.cause, "Write numbers with a point before the decimals, and nothing else in them."
        ) from error


def _words(reader: TableReader, column: object) -> Words:
    codes, words = reader.words(column)
    found: Words = np.array(["" if reader.is_absent(word) else word for word in words], dtype=np.str_)[codes]
    return found


def _require_cycles(reader: TableReader, cycles: Words, layout: Layout) -> None:
    reader.wrong(np.flatnonzero(cycles == ""), layout.cycle, lambda _: "names no cycle", "Every row belongs to one.")
