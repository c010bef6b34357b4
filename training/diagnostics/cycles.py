"""From files to cycles: what each channel measured in each, and in which state each part was."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from training.diagnostics.description import Column, Description, Layout
from training.errors import BadData

if TYPE_CHECKING:  # pandas is half a second, and the image that serves has none
    import pandas as pd

Array = NDArray[np.floating]

MISSING: Final = ["", "NA", "N/A", "na", "nan", "NaN", "null", "None", "-", "#N/A"]
FIX: Final = "Fix these cells or empty them; an empty cell means: not measured."


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
    tables = [_numbers(_read(folder / file, layout, header=False), folder / file) for file in layout.channel_files]
    counts = {file: len(table) for file, table in zip(layout.channel_files, tables, strict=True)}
    if len(set(counts.values())) > 1:
        raise BadData(
            f"{folder}: the files differ in their rows: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()),
            "A row is a cycle, the same one in every file.",
        )
    names = tuple(str(number + 1) for number in range(len(tables[0])))
    return Cycles(names, tuple(tuple(table) for table in tables))


def _read(path: Path, layout: Layout, *, header: bool) -> pd.DataFrame:
    """All cells as text. Raises BadData where *path* is no table."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            # Rows with more cells than there are names, as by a decimal comma: each cell would be another column's.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, sep=layout.separator or r"\s+", header=0 if header else None, dtype=str, keep_default_na=False,
                encoding="utf-8-sig", skipinitialspace=True, index_col=False,
            )  # fmt: skip
    except pd.errors.ParserWarning as error:
        raise BadData(
            f"{path} has rows with more cells than names", "Name every column; write 5.1, not 5,1."
        ) from error
    except OSError as error:
        raise BadData(
            f"{path} cannot be read: {error.strerror or error}", "Is it where the description says?"
        ) from error
    except ImportError as error:  # zstd: https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html
        raise BadData(f"{path} is packed in a way that cannot be read here", "Unpack it first.") from error
    except (EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadData(f"{path} cannot be unpacked: {error}", "Is it damaged, or copied in part?") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, ValueError) as error:
        raise BadData(
            f"{path} is no table: {str(error).strip()}", "docs/condition.md says how it must be written"
        ) from error
    if table.empty:
        raise BadData(f"{path} has no rows", "Take it out of the description, or wait until there are some.")
    return table


def _numbers(table: pd.DataFrame, path: Path, *, first_line: int = 1) -> Array:
    """(rows, columns) float32. Raises BadData, which names the first cell that is none."""
    import pandas as pd

    known = table.mask(table.isin(MISSING))
    numbers = known.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    wrong = (np.isnan(numbers) & known.notna().to_numpy()) | np.isinf(numbers) | (np.abs(numbers) > np.finfo("f4").max)
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        name = table.columns[column]
        where = f"column {column + 1}" if isinstance(name, int) else name
        raise BadData(f"{path} line {row + first_line} {where}: '{table.iat[row, column]}' is not a number", FIX)
    return np.asarray(numbers, dtype=np.float32)


def _labels_of_rows(description: Description, folder: Path, count: int) -> Labels:
    path = folder / description.states
    numbered = all(isinstance(part, int) for part in description.parts)
    table = _read(path, description.layout, header=not numbered)
    if len(table) != count:
        raise BadData(
            f"{path} has {len(table):,} rows, but there are {count:,} cycles", "A row is a cycle, in the same order."
        )
    columns = [_column(table, part, path) for part in description.parts]
    group = _column(table, description.group, path) if description.group else ()
    return Labels(tuple(f"part {part}" if numbered else str(part) for part in description.parts), tuple(columns), group)


def _column(table: pd.DataFrame, column: Column, path: Path) -> tuple[str, ...]:
    if isinstance(column, int):
        if column > table.shape[1]:
            raise BadData(f"{path} has {table.shape[1]} columns, so none with the number {column}", "Count from 1.")
        cells = table.iloc[:, column - 1]
    elif column in table.columns:
        cells = table[column]
    else:
        raise BadData(f"{path}: column '{column}' is not there", "It has: " + ", ".join(map(str, table.columns)))
    return tuple("" if cell in MISSING else str(cell).strip() for cell in cells)


def _from_tables(layout: Layout, places: Sequence[Path]) -> tuple[Cycles, list[tuple[pd.DataFrame, Path]]]:
    names: list[str] = []
    home: dict[str, Path] = {}
    signals: list[list[Array]] = [[] for _ in layout.channels]
    tables = []
    for path in places:
        table = _read(path, layout, header=True)
        cycle = np.array(_column(table, layout.cycle, path))
        values = _numbers(table[[_there(table, name, path) for name in layout.channels]], path, first_line=2)
        for name, rows in _stretches(cycle, path):
            if name in home:
                raise BadData(
                    f"{path}: cycle '{name}' begins a second time, after {home[name]}",
                    f"All rows of a cycle stand together, and '{layout.cycle}' is another in every cycle.",
                )
            home[name] = path
            names.append(name)
            for number, channel in enumerate(signals):
                channel.append(values[rows, number])
        tables.append((table, path))
    return Cycles(tuple(names), tuple(map(tuple, signals))), tables


def _there(table: pd.DataFrame, name: str, path: Path) -> str:
    _column(table.iloc[:1], name, path)
    return name


def _stretches(cycle: NDArray[np.str_], path: Path) -> list[tuple[str, slice]]:
    if (cycle == "").any():
        raise BadData(
            f"{path} line {int(np.argmax(cycle == '')) + 2}: no cycle is named", "Every row belongs to a cycle."
        )
    begins = np.flatnonzero(np.r_[True, cycle[1:] != cycle[:-1]])
    ends = np.r_[begins[1:], len(cycle)]
    return [(str(cycle[begin]), slice(int(begin), int(end))) for begin, end in zip(begins, ends, strict=True)]


def _labelled_tables(description: Description, places: Sequence[Path]) -> tuple[Cycles, Labels]:
    cycles, tables = _from_tables(description.layout, places)
    parts = [str(part) for part in description.parts]
    columns = [*parts, *([str(description.group)] if description.group else [])]
    found: list[list[str]] = [[] for _ in columns]
    for table, path in tables:
        cells = {name: np.array(_column(table, name, path)) for name in columns}
        for cycle, rows in _stretches(np.array(_column(table, description.layout.cycle, path)), path):
            for name, told in zip(columns, found, strict=True):
                told.append(_one(cells[name][rows], name, cycle, path))
    groups = tuple(found.pop()) if description.group else ()
    return cycles, Labels(tuple(parts), tuple(map(tuple, found)), groups)


def _one(cells: NDArray[np.str_], name: str, cycle: str, path: Path) -> str:
    said = sorted(set(cells.tolist()) - {""})
    if len(said) > 1:
        raise BadData(
            f"{path}: cycle '{cycle}' has two values of {name}: {said[0]} and {said[1]}",
            "A cycle is in one state all through: cut it where the state changes.",
        )
    return said[0] if said else ""
