"""Rows of one value each put side by side, of one file and then of all: a row for each unit and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.arrow_batches import ROWS_AT_ONCE
from training.prognostics.arrow_cells import Floats
from training.prognostics.columns import Tags
from training.prognostics.table import Table
from training.prognostics.wrong_cells import line_of


def side_by_side(pieces: Iterator[Table], tags: Tags) -> Iterator[Table]:
    """A row for each unit and time of one file's *pieces*, in the order of time, in pieces again.

    Raises BadData, naming lines, where a tag has two values at one time, or the file none of the tags.
    """
    every = list(pieces)
    last = every[-1]
    columns = ((one.units, one.times, one.values[tags.name], one.values[tags.value], _rows_of(one)) for one in every)
    units, times, tag, value, at = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    if not len(units):
        raise BadData(
            f"{last.file}: no row is of a tag {', '.join(map(repr, tags.wanted[:8]))}",
            f"channels are the tags' names as the column '{tags.name}' has them"
            + (f', by pattern = "{tags.pattern}"' if tags.pattern else "; where these name the machine, too: pattern"),
        )
    order = np.lexsort((at, times, units))
    units, times, tag, value, at = (part[order] for part in (units, times, tag, value, at))
    new = (np.diff(units, prepend=-1) != 0) | (np.diff(times, prepend=np.nan) != 0)
    row = np.cumsum(new) - 1
    names = {name: number for number, name in enumerate(tags.wanted)}
    place = np.array([names[name] for name in last.texts[tags.name]])[tag.astype(np.intp)]
    _refuse_second_values(last, place * len(order) + row, value, at, tags)
    found = np.full((len(names), int(row[-1]) + 1), np.nan, dtype=np.float32)
    found[place, row] = value
    yield from _in_pieces(last, units[new], times[new], found, _begin_with_units(at, units)[new], tags)


def _begin_with_units(at: NDArray[np.int64], units: NDArray[np.int32]) -> NDArray[np.int64]:
    """*at*, but for the first row of each unit where the file first names it: by that units are put in order."""
    heads = np.flatnonzero(np.diff(units, prepend=-1))
    found = at.copy()
    found[heads] = np.minimum.reduceat(at, heads)
    return found


def _rows_of(piece: Table) -> NDArray[np.int64]:
    return np.arange(len(piece)) if piece.at is None else piece.at


def _refuse_second_values(
    table: Table, cells: NDArray[np.intp], value: NDArray[np.float32], at: NDArray[np.intp], tags: Tags
) -> None:
    order = np.argsort(cells, kind="stable")
    cells, value, at = cells[order], value[order], at[order]
    again = (np.diff(cells) == 0) & ~(value[1:] == value[:-1]) & ~(np.isnan(value[1:]) & np.isnan(value[:-1]))
    if again.any():
        first, second = (int(at[np.flatnonzero(again)[0] + more]) for more in (0, 1))
        lines = [line_of(table.file, table.dialect, row) for row in sorted((first, second))]
        raise BadData(
            f"{table.file} line {lines[1]}: a second value of the tag at one time (line {lines[0]})",
            "Take one of them out. Is it another machine's? Say which column names it: unit.",
        )


def _in_pieces(
    table: Table,
    units: NDArray[np.int32],
    times: Floats,
    found: NDArray[np.float32],
    at: NDArray[np.intp],
    tags: Tags,
) -> Iterator[Table]:
    for begin in range(0, len(times), ROWS_AT_ONCE):
        here = slice(begin, begin + ROWS_AT_ONCE)
        yield replace(
            table,
            units=units[here],
            times=times[here],
            values=dict(zip(tags.wanted, found[:, here], strict=True)),
            marks=np.full(len(times[here]), np.nan),
            at=at[here],
        )


def put_files_together(tables: Sequence[Table], tags: Tags) -> Sequence[Table]:
    """The rows of *tables* in one; as they are, where each file goes on after the one before. Each tag may have files
    of its own: what one file does not say of a time, another does.

    Raises BadData where two files say different values.
    """
    names = list(dict.fromkeys(name for table in tables for name in table.names))
    number = {name: place for place, name in enumerate(names)}
    units = np.concatenate([np.array([number[name] for name in one.names])[one.units] for one in tables])
    times = np.concatenate([table.times for table in tables])
    order = np.lexsort((times, units))
    new = (np.diff(units[order], prepend=-1) != 0) | (np.diff(times[order], prepend=np.nan) != 0)
    go_on = new.all() and np.array_equal(order, np.argsort(units, kind="stable"))
    if go_on or np.isnan(times).any():  # a missing time is refused where it stands
        return tables
    row = np.cumsum(new) - 1
    values = {name: _merge(tables, name, order, row) for name in tags.wanted}
    first = order[new]
    return [
        replace(
            tables[0],
            names=names,
            units=units[first].astype(np.int32),
            times=times[first],
            values=values,
            marks=np.full(len(first), np.nan),
            at=None,
            block=None,
        )
    ]


def _merge(tables: Sequence[Table], name: str, order: NDArray[np.intp], row: NDArray[np.intp]) -> NDArray[np.float32]:
    column = np.concatenate([table.values[name] for table in tables])[order]
    known = np.flatnonzero(~np.isnan(column))
    found = np.full(int(row[-1]) + 1, np.nan, dtype=np.float32)
    found[row[known]] = column[known]
    if (found[row[known]] != column[known]).any():
        files = " and ".join(dict.fromkeys(str(table.file) for table in tables if len(table)))
        raise BadData(
            f"{files}: '{name}' has two values at one time of one unit", "Take one of the files out, or correct it."
        )
    return found
