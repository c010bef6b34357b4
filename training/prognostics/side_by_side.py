"""Rows of one value each put side by side, of one file and then of all: a row for each unit and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.arrow_batches import ROWS_AT_ONCE
from training.prognostics.columns import Tags
from training.prognostics.memory import usable_bytes
from training.prognostics.table import Table
from training.prognostics.tag_blocks import VALUES_AT_ONCE, Block, TwoValues, Values, make_block, merge
from training.prognostics.wrong_cells import line_of

COPIES: Final = 3
"""So often are the made rows held while they are put together."""


def side_by_side(pieces: Iterator[Table], tags: Tags, again: Callable[[], Iterator[Table]]) -> Iterator[Table]:
    """A row for each unit and time of one file's *pieces*, in the order of time, in pieces again; what is held
    meanwhile are these rows, not the file's. *again* reads it once more.

    Raises BadData, naming lines, where a tag has two values at one time, or the file none of the tags; and where its
    rows would not fit into the memory.
    """
    last, made = None, _Made()
    try:
        for piece in pieces:
            last = piece
            made.add(_values_of(piece, tags))
            if len(piece):
                _require_room(made, piece, tags)
        whole = made.whole()
    except TwoValues as error:
        raise _two_values(error, last.names[error.unit] if last else "", again(), tags) from error
    if last is None:
        return
    if whole is None:
        raise BadData(
            f"{last.file}: no row is of a tag {', '.join(map(repr, tags.wanted[:8]))}",
            f"channels are the tags' names as the column '{tags.name}' has them"
            + (f', by pattern = "{tags.pattern}"' if tags.pattern else "; where these name the machine, too: pattern"),
        )
    yield from _in_pieces(last, whole, tags)


class _Made:
    """The rows that were made so far: one block, those behind it that are not in it yet, and values of the file."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._values: list[Values] = []

    @property
    def bytes(self) -> int:
        return sum(block.bytes for block in self._blocks)

    def add(self, values: Values) -> None:
        """Raises TwoValues."""
        if len(values.times):
            self._values.append(values)
        if sum(len(one.times) for one in self._values) >= VALUES_AT_ONCE:
            self._close()
        behind = sum(map(len, self._blocks[1:]))
        if behind > max(VALUES_AT_ONCE, len(self._blocks[0]) if self._blocks else 0):
            self._blocks = [merge(self._blocks)]  # each row is moved a few times, however long the file is

    def _close(self) -> None:
        if self._values:
            self._blocks.append(make_block(self._values))
            self._values = []

    def whole(self) -> Block | None:
        """Raises TwoValues."""
        self._close()
        return merge(self._blocks) if self._blocks else None


def _values_of(piece: Table, tags: Tags) -> Values:
    wanted = {name: number for number, name in enumerate(tags.wanted)}
    place = np.array([wanted[name] for name in piece.texts.get(tags.name, [])], dtype=np.intp)
    at = np.arange(len(piece)) if piece.at is None else piece.at
    which = place[piece.values[tags.name].astype(np.intp)] if len(piece) else np.empty(0, np.intp)
    return Values(piece.units, piece.times, which, piece.values[tags.value], at)


def _require_room(made: _Made, piece: Table, tags: Tags) -> None:
    most = usable_bytes()
    if COPIES * made.bytes > most:
        raise BadData(
            f"{piece.file}: the rows made of its first {piece.row(len(piece) - 1):,} take {made.bytes / 2**30:.1f} GiB "
            f"of memory, {COPIES} times as much while they are put together: more than half of this machine's",
            f"Divide the file by months or by machines: pack takes one file at a time. Fewer than {len(tags.wanted)} "
            "tags need less, too.",
        )


def _two_values(error: TwoValues, unit: str, pieces: Iterator[Table], tags: Tags) -> BadData:
    """What to say: found by reading the file once more."""
    name, found = tags.wanted[error.tag], list[tuple[int, float]]()
    for piece in pieces:
        tag = np.array([one == name for one in piece.texts[tags.name]])[piece.values[tags.name].astype(np.intp)]
        value = piece.values[tags.value]
        of_unit = np.array([one == unit for one in piece.names])[piece.units]
        here = np.flatnonzero(tag & of_unit & (piece.times == error.time) & ~np.isnan(value))
        found += [(piece.row(row), float(value[row])) for row in here.tolist()]
        other = next((row for row, said in found if said != found[0][1]), None)
        if other is not None:
            first, second = (line_of(piece.file, piece.dialect, row) for row in (found[0][0], other))
            return BadData(
                f"{piece.file} line {second}: a second value of the tag at one time (line {first})",
                "Take one of them out. Is it another machine's? Say which column names it: unit.",
            )
    raise AssertionError(error)


def _in_pieces(table: Table, whole: Block, tags: Tags) -> Iterator[Table]:
    at = _begin_with_units(whole)
    missing = np.full(len(whole), np.nan, dtype=np.float32)
    columns = {
        name: whole.values[whole.tags.index(number)] if number in whole.tags else missing
        for number, name in enumerate(tags.wanted)
    }
    for begin in range(0, len(whole), ROWS_AT_ONCE):
        here = slice(begin, begin + ROWS_AT_ONCE)
        yield replace(
            table,
            units=whole.units[here],
            times=whole.times[here],
            values={name: column[here] for name, column in columns.items()},
            marks=np.full(len(whole.times[here]), np.nan),
            at=at[here],
        )


def _begin_with_units(whole: Block) -> NDArray[np.int64]:
    """Which row of the file each is made of, but for the first row of each unit where the file first names it: by that
    units are put in order.
    """
    heads = np.flatnonzero(np.diff(whole.units, prepend=-1))
    found = whole.at.copy()
    found[heads] = np.minimum.reduceat(whole.at, heads)
    return found


def put_files_together(tables: Sequence[Table], tags: Tags) -> Sequence[Table]:
    """The rows of *tables* in one; as they are, where each file goes on after the one before. Each tag may have files
    of its own: what one file does not say of a time, another does.

    Raises BadData where two files say different values.
    """
    names = list(dict.fromkeys(name for table in tables for name in table.names))
    blocks = _blocks_of(tables, names, tags)
    units, times = (np.concatenate([getattr(block, name) for block in blocks]) for name in ("units", "times"))
    order = np.lexsort((times, units))
    new = (np.diff(units[order], prepend=-1) != 0) | (np.diff(times[order], prepend=np.nan) != 0)
    go_on = new.all() and np.array_equal(order, np.argsort(units, kind="stable"))
    if go_on or np.isnan(times).any():  # a missing time is refused where it stands
        return tables
    try:
        whole = merge(blocks)
    except TwoValues as error:
        files = " and ".join(dict.fromkeys(str(table.file) for table in tables if len(table)))
        raise BadData(
            f"{files}: '{tags.wanted[error.tag]}' has two values at one time of one unit",
            "Take one of the files out, or correct it.",
        ) from error
    return [
        replace(
            tables[0],
            names=names,
            units=whole.units,
            times=whole.times,
            values=dict(zip(tags.wanted, whole.values, strict=True)),
            marks=np.full(len(whole), np.nan),
            at=None,
            block=None,
        )
    ]


def _blocks_of(tables: Sequence[Table], names: Sequence[str], tags: Tags) -> list[Block]:
    number, begin, blocks = {name: place for place, name in enumerate(names)}, 0, []
    for one in tables:
        units = np.array([number[name] for name in one.names], dtype=np.int32)[one.units]
        at = np.arange(begin, begin + len(one))
        begin += len(one)
        values = np.stack([one.values[name] for name in tags.wanted])
        blocks.append(Block(units, one.times, at, tuple(range(len(tags.wanted))), values))
    return blocks
