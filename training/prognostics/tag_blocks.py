"""Rows of one value each, put side by side some at a time: a file of a historian may be larger than the memory.

A block has a row for each unit and time, and a column for each tag that it met. Where a file goes on in time, as nearly
all do, the next rows of a block stand behind those before, and nothing but the made rows is ever held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.prognostics.arrow_cells import Floats

VALUES_AT_ONCE: Final = 1 << 20


class TwoValues(Exception):
    """A tag has two values at one time."""

    def __init__(self, unit: int, time: float, tag: int) -> None:
        super().__init__()
        self.unit, self.time, self.tag = unit, time, tag


@dataclass(frozen=True)
class Block:
    """Rows by unit and time, each once."""

    units: NDArray[np.int32]
    times: Floats
    at: NDArray[np.int64]
    """(rows,) the first row of the file that each is made of."""
    tags: tuple[int, ...]
    values: NDArray[np.float32]
    """(tags, rows); NaN where a tag has no value then."""

    def __len__(self) -> int:
        return len(self.times)

    @property
    def bytes(self) -> int:
        return self.units.nbytes + self.times.nbytes + self.at.nbytes + self.values.nbytes


@dataclass(frozen=True)
class Values:
    """Some rows of a file, as they stand there; all (rows,)."""

    units: NDArray[np.int32]
    times: Floats
    tags: NDArray[np.intp]
    values: NDArray[np.float32]
    at: NDArray[np.int64]


def make_block(some: Sequence[Values]) -> Block:
    """Raises TwoValues."""
    units, times, tags, values, at = (
        np.concatenate([getattr(one, name) for one in some]) for name in ("units", "times", "tags", "values", "at")
    )
    met = np.unique(tags)
    blocks = [
        Block(units[here], times[here], at[here], (int(tag),), values[None, here])
        for tag in met
        for here in [np.flatnonzero(tags == tag)]
    ]
    return merge(blocks)


def merge(blocks: Sequence[Block]) -> Block:
    """The rows of *blocks* in one, each of which may hold a time more than once. Raises TwoValues."""
    units, times, at = (np.concatenate([getattr(one, name) for one in blocks]) for name in ("units", "times", "at"))
    order = np.lexsort((at, times, units))
    new = (np.diff(units[order], prepend=-1) != 0) | (np.diff(times[order], prepend=np.nan) != 0)
    row = np.empty(len(order), dtype=np.intp)
    row[order] = np.cumsum(new) - 1
    tags = tuple(sorted({tag for one in blocks for tag in one.tags}))
    first = order[new]
    whole = Block(units[first], times[first], at[first], tags, np.full((len(tags), len(first)), np.nan, np.float32))
    begin = 0
    for one in blocks:
        here = row[begin : begin + len(one)]
        begin += len(one)
        for tag, column in zip(one.tags, one.values, strict=True):
            _put(column, here, whole, tag)
    return whole


def _put(column: NDArray[np.float32], rows: NDArray[np.intp], whole: Block, tag: int) -> None:
    """Raises TwoValues. A value that is missing says nothing against another."""
    known = np.flatnonzero(~np.isnan(column))
    into, places, said = whole.values[whole.tags.index(tag)], rows[known], column[known]
    before = into[places]
    into[places] = said
    differ = (into[places] != said) | (~np.isnan(before) & (before != said))
    if differ.any():
        place = int(places[np.flatnonzero(differ)[0]])
        raise TwoValues(int(whole.units[place]), float(whole.times[place]), tag)
