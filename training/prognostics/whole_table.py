"""The rows of one file, whole: each column once in memory, and where it stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.prognostics.arrow_batches import count_rows
from training.prognostics.columns import Columns
from training.prognostics.dialect import Dialect
from training.prognostics.measurements import log_pieces
from training.prognostics.table import Marks, Met, Table
from training.prognostics.wrong_cells import Clock

NOTHING: Final = np.empty(0, dtype=np.float32)


def read_table(file: Path, dialect: Dialect, columns: Columns, clock: Clock, marks: Marks) -> Table:
    """The columns of *file*, whole. Raises BadData where a column is missing or a cell is wrong, naming it by file and
    line.
    """
    pieces, columns_of = [], _Gathered(count_rows(file, dialect))
    for piece in log_pieces(file, dialect, columns, clock, marks, Met()):
        columns_of.add(piece)
        pieces.append(piece)
    values = columns_of.join()
    return replace(
        pieces[-1],
        units=np.concatenate([piece.units for piece in pieces]),
        times=np.concatenate([piece.times for piece in pieces]),
        values=dict(zip(pieces[-1].values, values, strict=True)),
        block=values,
        marks=np.concatenate([piece.marks for piece in pieces]),
        at=np.concatenate([piece.at for piece in pieces]) if columns.told is not columns else None,
    )


class _Gathered:
    """The values of pieces, column by column: never twice in memory, and in place at once where it is known how many
    rows will come.
    """

    def __init__(self, rows: int | None) -> None:
        self._rows, self._added = rows, 0
        self._block: NDArray[np.float32] | None = None
        self._parts: list[list[NDArray[np.float32]]] = []

    def add(self, piece: Table) -> None:
        """Takes the values out of *piece*."""
        values = list(piece.values.values())
        piece.values.update(dict.fromkeys(piece.values, NOTHING))
        if self._rows is None:
            self._parts = self._parts or [[] for _ in values]
            for parts, column in zip(self._parts, values, strict=True):
                parts.append(column)
            return
        if self._block is None:
            self._block = np.empty((len(values), self._rows), dtype=np.float32)
        for row, column in zip(self._block, values, strict=True):
            row[self._added : self._added + len(piece)] = column
        self._added += len(piece)

    def join(self) -> NDArray[np.float32]:
        """(columns, rows)"""
        if self._block is not None:
            return self._block[:, : self._added]
        block = np.empty((len(self._parts), sum(map(len, self._parts[0])) if self._parts else 0), dtype=np.float32)
        for row, parts in zip(block, self._parts, strict=True):
            np.concatenate(parts, out=row)
            parts.clear()
        return block
