"""From files to cycles: what each channel measured in each, and in which state each part was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.diagnostics.description import Description, Layout
from training.diagnostics.tables import CycleTable, Words, read_table
from training.diagnostics.wide_files import cut_blank_ends, read_numbers, read_words
from training.errors import BadData
from training.numerals import is_decimal, read_decimal
from training.prognostics.unit_logs import Faults

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Cycles:
    """*names* and, for each channel, what it measured in each cycle: (samples,) float32, NaN where missing.
    Channels, and cycles of one table, may differ in how many samples they have.
    """

    names: tuple[str, ...]
    signals: tuple[tuple[Array, ...], ...]
    """[channel][cycle]"""

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Labels:
    """Of the same cycles: the state of each part as it is written, "" where nobody knows; and the group."""

    parts: tuple[str, ...]
    states: tuple[tuple[str, ...], ...]
    """[part][cycle]"""
    groups: tuple[str, ...]
    """Empty where the description names none."""


def read_cycles(layout: Layout, places: Sequence[Path]) -> Cycles:
    """Of a folder, where a row is a cycle; else of tables. Raises BadData, which names file, line and cell."""
    return _from_rows(layout, places[0]) if layout.row_is_cycle else _from_tables(layout, places)[0]


def read_labelled(description: Description, places: Sequence[Path]) -> tuple[Cycles, Labels]:
    """As read_cycles, with the states. Raises BadData also where a cycle is in two states of one part."""
    if not description.layout.row_is_cycle:
        return _labelled_tables(description, places)
    cycles = _from_rows(description.layout, places[0])
    return cycles, _labels_of_rows(description, places[0], len(cycles))


def _from_rows(layout: Layout, folder: Path) -> Cycles:
    faults, tables = Faults(), list[Array]()
    for file in layout.channel_files:
        with faults.gathered():
            tables.append(read_numbers(folder / file, layout))
    faults.refuse()
    tables = cut_blank_ends(tables)
    counts = {file: len(table) for file, table in zip(layout.channel_files, tables, strict=True)}
    if len(set(counts.values())) > 1:
        raise BadData(
            f"{folder}: the files differ in their rows: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()),
            "A row is a cycle, the same one in every file; an empty line is one of which nothing is known.",
        )
    names = tuple(str(number + 1) for number in range(len(tables[0])))
    return Cycles(names, tuple(tuple(table) for table in tables))


def _labels_of_rows(description: Description, folder: Path, count: int) -> Labels:
    path, layout = folder / description.states, description.layout
    numbered = all(isinstance(part, int) for part in description.parts)
    columns = read_words(
        path, layout.separator, [*description.parts, *([description.group] if description.group else [])]
    )
    rows = len(columns[0])
    if rows > count and not any(word for column in columns for word in column[count:]):
        columns, rows = [column[:count] for column in columns], count
    if rows != count:
        raise BadData(
            f"{path} has {rows:,} rows, but there are {count:,} cycles", "A row is a cycle, in the same order."
        )
    group = columns.pop() if description.group else ()
    _require_groups(group, [str(number + 1) for number in range(count)], str(description.group))
    return Labels(tuple(f"part {part}" if numbered else str(part) for part in description.parts), tuple(columns), group)


def _from_tables(layout: Layout, places: Sequence[Path], told: Sequence[str] = ()) -> tuple[Cycles, list[CycleTable]]:
    """And the tables, with the words of the columns *told*. Raises BadData, which names each bad file."""
    faults, tables = Faults(), list[CycleTable]()
    for path in places:
        with faults.gathered():
            tables.append(read_table(path, layout, told))
    faults.refuse()
    names: list[str] = []
    home: dict[str, Path] = {}
    signals: list[list[Array]] = [[] for _ in layout.channels]
    for table in tables:
        for name, rows in _stretches(table.words[layout.cycle]):
            if name in home:
                raise BadData(
                    f"{table.file}: cycle '{name}' begins a second time, after {home[name]}",
                    f"All rows of a cycle stand together, and '{layout.cycle}' is another in every cycle.",
                )
            home[name] = table.file
            names.append(name)
            for number, channel in enumerate(signals):
                channel.append(table.values[number, rows])
    return Cycles(tuple(names), tuple(map(tuple, signals))), tables


def _stretches(cycle: Words) -> list[tuple[str, slice]]:
    begins = np.flatnonzero(np.r_[True, cycle[1:] != cycle[:-1]])
    ends = np.r_[begins[1:], len(cycle)]
    return [(str(cycle[begin]), slice(int(begin), int(end))) for begin, end in zip(begins, ends, strict=True)]


def _labelled_tables(description: Description, places: Sequence[Path]) -> tuple[Cycles, Labels]:
    parts = [str(part) for part in description.parts]
    columns = [*parts, *([str(description.group)] if description.group else [])]
    cycles, tables = _from_tables(description.layout, places, columns)
    found: list[list[str]] = [[] for _ in columns]
    for table in tables:
        for cycle, rows in _stretches(table.words[description.layout.cycle]):
            for name, told in zip(columns, found, strict=True):
                told.append(_one(table.words[name][rows], name, cycle, table.file))
    groups = tuple(found.pop()) if description.group else ()
    _require_groups(groups, cycles.names, str(description.group))
    return cycles, Labels(tuple(parts), tuple(map(tuple, found)), groups)


def _require_groups(groups: Sequence[str], cycles: Sequence[str], column: str) -> None:
    """Cycles of no group would be one group together, however many machines they are of."""
    nameless = [cycle for group, cycle in zip(groups, cycles, strict=False) if not group]
    if nameless:
        raise BadData(
            f"{column}: {len(nameless):,} of {len(groups):,} cycles name no group, cycle '{nameless[0]}' first",
            "Name the machine, or the day, of every cycle.",
        )


def _one(cells: Words, name: str, cycle: str, path: Path) -> str:
    said = sorted(set(cells.tolist()) - {""})
    if len({*map(state_key, said)}) > 1:
        raise BadData(
            f"{path}: cycle '{cycle}' has two values of {name}: {said[0]} and {said[1]}",
            "A cycle is in one state all through: cut it where the state changes.",
        )
    return said[0] if said else ""


def state_key(state: str) -> float | str:
    """What *state* is, however it is written: 1 and 1.0 are one, as two programs save the same column."""
    return read_decimal(state) if is_decimal(state) and any(map(str.isdigit, state)) else state
