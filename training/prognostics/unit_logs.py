"""From the files of a description to one log per life of a unit, with the time at which each failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.columns import Columns
from training.prognostics.dialect import Dialect
from training.prognostics.lives import Life, UnitFailures, lives_of
from training.prognostics.log_schema import Description
from training.prognostics.resampling import logs_in_steps
from training.prognostics.side_by_side import put_files_together
from training.prognostics.table import Marks, Table
from training.prognostics.unit_order import Rows, in_order
from training.prognostics.whole_table import read_table
from training.prognostics.windows import UnitLog
from training.prognostics.wrong_cells import Clock

SHOWN_FILES: Final = 20
SHOWN_HINTS: Final = 10
Failed = Mapping[str, UnitFailures]
"""When each unit failed, by a table of failures."""


class Faults:
    """What is wrong with some files, so that one run names all of them."""

    def __init__(self) -> None:
        self._found: list[BadData] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        try:
            yield
        except BadData as error:
            self._found.append(error)

    def refuse(self) -> None:
        """Raises BadData where there was a fault."""
        if self._found:
            hints = dict.fromkeys(line for error in self._found for line in error.hint.splitlines())
            causes = [error.cause for error in self._found[:SHOWN_FILES]]
            more = [f"... and {len(self._found) - SHOWN_FILES} more files"] if len(self._found) > SHOWN_FILES else []
            raise BadData("\n".join(causes + more), "\n".join([*hints][:SHOWN_HINTS])) from self._found[0]


@dataclass(frozen=True)
class Units:
    """The lives of all units of some files, and what was taken for what on the way."""

    logs: list[UnitLog]
    columns: Columns
    said: list[str]


def read_tables(
    description: Description,
    dialects: Mapping[Path, Dialect],
    columns: Mapping[Path, Columns],
    files: Sequence[Path],
    clock: Clock,
) -> list[Table]:
    """*clock* knows how times were written so far. Raises BadData, which names what is wrong in each of *files*."""
    faults, tables = Faults(), []
    marks = marks_of(description)
    for file in files:
        with faults.gathered():
            tables.append(read_table(file, dialects[file], columns[file], clock, marks))
    faults.refuse()
    return tables


def marks_of(description: Description) -> Marks:
    return Marks(description.fails_at or description.label, bool(description.fails_at), description.failed)


def logs_of(tables: Sequence[Table], description: Description, columns: Columns, failed: Failed | None) -> Units:
    """The units of *tables* in the order in which they first appear, in steps where the description says so; rows after
    a failure are left out, or are another life where the unit was repaired.

    Raises BadData, naming file and line, where time does not rise within a unit, or a failure cannot be.
    """
    if tags := columns.of_files.tags:
        tables = put_files_together(tables, tags)
    rows, said = in_order(tables, sort=description.sort, columns=columns)
    values = _matrix(tables, rows, columns, columns.channels)
    conditions = _matrix(tables, rows, columns, columns.conditions)
    marks = rows.put_in_order(np.concatenate([table.marks for table in tables]))
    logs: list[UnitLog] = []
    for number, name in enumerate(rows.names):
        begin, end = rows.begins[number], rows.begins[number + 1]
        lives = lives_of(rows, number, marks[begin:end], description, failed)
        logs += [_log(life, begin, rows, values, conditions, name) for life in lives]
    if columns.step:
        logs, done = logs_in_steps(logs, columns)
        said += done
    return Units(logs, columns, said)


def _log(
    life: Life, begin: int, rows: Rows, values: NDArray[np.float32], conditions: NDArray[np.float32], machine: str
) -> UnitLog:
    here = slice(begin + life.begin, begin + life.end)
    return UnitLog(
        life.name,
        rows.times[here],
        values[here],
        conditions[here],
        life.fails_at,
        machine,
        life.parts_fail_at,
        life.watched_until,
    )


def _matrix(tables: Sequence[Table], rows: Rows, columns: Columns, names: Sequence[str]) -> NDArray[np.float32]:
    """(rows, features) of the columns *names*, column by column: never twice in memory, and not copied where one file
    has them in this order.
    """
    if len(tables) == 1 and rows.as_read and (as_read := _lying_so(tables[0], columns, names)) is not None:
        return as_read
    found = np.empty((_width(columns, names), len(rows.order)), dtype=np.float32)
    at = 0
    for name in names:
        parts = [_column(table, columns, name) for table in tables]
        column = rows.put_in_order(np.concatenate(parts) if len(parts) > 1 else parts[0])
        for feature in _features(column, columns, names, name):
            found[at] = feature
            at += 1
    return found.T


def _lying_so(table: Table, columns: Columns, names: Sequence[str]) -> NDArray[np.float32] | None:
    """(rows, names) of the first columns that were read, where these are *names* and all of them numbers."""
    if table.block is None or list(table.values)[: len(names)] != list(names) or {*names} & {*dict(columns.categories)}:
        return None
    return table.block[: len(names)].T


def features_of(table: Table, columns: Columns, names: Sequence[str]) -> NDArray[np.float32]:
    """(rows, features) of the columns *names* of one table, its rows as they are."""
    found = np.empty((len(table), _width(columns, names)), dtype=np.float32)
    features = (one for name in names for one in _features(_column(table, columns, name), columns, names, name))
    for at, feature in enumerate(features):
        found[:, at] = feature
    return found


def _width(columns: Columns, names: Sequence[str]) -> int:
    return len(columns.measured) if names == columns.channels else len(names)


def _column(table: Table, columns: Columns, name: str) -> NDArray[np.float32]:
    words = dict(columns.categories)
    return _encode(table, name, words[name]) if name in words else table.values[name]


def _features(
    column: NDArray[np.float32], columns: Columns, names: Sequence[str], name: str
) -> Iterator[NDArray[np.float32]]:
    """A text channel as one of 0 and 1 for each of its words; any other column as it is."""
    words = dict(columns.categories).get(name, ())
    if names != columns.channels or not words:
        yield column
        return
    for word in range(len(words)):
        yield np.where(np.isnan(column), np.float32(np.nan), (column == word).astype(np.float32))


def _encode(table: Table, name: str, words: Sequence[str]) -> NDArray[np.float32]:
    """Which of *words*, those of the whole log, each row of *table* holds; -1: none of them."""
    place = {word: number for number, word in enumerate(words)}
    own = np.array([place.get(word, -1) for word in table.texts[name]] + [0], dtype=np.float32)
    codes = table.values[name]
    known = ~np.isnan(codes)
    found = np.full(len(codes), np.nan, dtype=np.float32)
    found[known] = own[codes[known].astype(np.intp)]
    return found
