"""Rows of a log as they arrive in service: from lines to numbers. A row that cannot be read is said and left out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from training.data.description import Columns
from training.data.table import Layout, Rows
from training.errors import BadData
from training.following import Piece

ROWS_AT_ONCE = 4096
Cells = tuple[list[str], list[list[str]], list[int]]
"""(header, rows, line numbers), as training.data.table.read_cells yields them."""


@dataclass(frozen=True)
class Arrived:
    """Some rows, and how the log wrote their times."""

    rows: Rows
    times: list[str]


def cells_of(pieces: Iterable[Piece], columns: Columns) -> Iterator[Cells]:
    """Split lines into cells. Where *columns* names no header, line 1 is the header, also of a file begun anew."""
    header = list(columns.header)
    for piece in pieces:
        numbered = [(line, piece.number + place) for place, line in enumerate(piece.lines) if line.strip()]
        if not columns.header and numbered and numbered[0][1] == 1:
            header = [name.strip() for name in _split([numbered.pop(0)[0].lstrip("\ufeff")], columns)[0]]
        for start in range(0, len(numbered), ROWS_AT_ONCE):
            lines, numbers = zip(*numbered[start : start + ROWS_AT_ONCE], strict=True)
            yield header, _split(lines, columns), list(numbers)


def _split(lines: Sequence[str], columns: Columns) -> list[list[str]]:
    if not columns.separator:
        return [line.split() for line in lines]
    return list(csv.reader(lines, delimiter=columns.separator))


def read_arriving(
    cells: Iterable[Cells], columns: Columns, *, file: str, say: Callable[[str], None]
) -> Iterator[Arrived]:
    """Raises BadData where a column is missing: then no row of the log can be read."""
    layout, known = None, None
    for header, rows, lines in cells:
        if layout is None or header != known:
            layout, known = Layout(columns, header, file=file), header
        yield from _arrived(layout, rows, lines, say)


def _arrived(
    layout: Layout, rows: Sequence[Sequence[str]], lines: Sequence[int], say: Callable[[str], None]
) -> Iterator[Arrived]:
    try:
        yield Arrived(layout.read(rows, lines), layout.words(rows, layout.columns.time))
    except BadData as error:
        if len(rows) == 1:
            say(f"{error.cause}: left out")
            return
        for row, line in zip(rows, lines, strict=True):
            yield from _arrived(layout, [row], [line], say)
