"""Channels that are no columns, but words in one: a row for each value, and what to add to the description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from training.errors import BadData
from training.numerals import is_decimal
from training.prognostics.columns import Columns
from training.prognostics.dialect import PARQUET, Dialect, sample_rows
from training.prognostics.log_keys import TAG


def refuse_tags(found: Mapping[Path, Dialect], columns: Columns) -> None:
    """Raises BadData where the channels stand in the cells of a column, and say so."""
    file, dialect = next(iter(found.items()))
    channels = [name for name in (*columns.channels, *columns.conditions) if name not in dialect.header]
    if columns.tags or not channels or dialect.form == PARQUET:
        return
    rows = [row for row in sample_rows(file, dialect) if len(row) >= len(dialect.header)]
    cells = {name: [row[place].strip() for row in rows] for place, name in enumerate(dialect.header) if name}
    others = {name: words for name, words in cells.items() if name not in (columns.unit, *columns.timed_by)}
    for name, words in others.items():
        pattern = _pattern(words, channels, columns)
        if pattern is not None:
            numbers = [one for one, some in others.items() if one != name and _are_mostly_numbers(some)]
            value = min(numbers, key=lambda one: "val" not in one.lower(), default="...")
            raise BadData(
                f"{file}: {' and '.join(map(repr, channels))} are no columns, but words in the column '{name}'",
                "Has each value a row of its own? Then add to the end of the TOML:\n"
                f'[tags]\nname = "{name}"\nvalue = "{value}"' + (f'\npattern = "{pattern}"' if pattern else ""),
            )


def _pattern(words: Sequence[str], channels: Sequence[str], columns: Columns) -> str | None:
    """How *words* hold *channels*: "" as they are, "{unit}.{tag}" behind a mark; None: they do not."""
    if set(words) & set(channels):
        return ""
    ends = {
        word[-len(name) - 1] for word in words for name in channels if word.endswith(name) and len(word) > len(name) + 1
    }
    mark = ends.pop() if len(ends) == 1 else "a"
    return None if mark.isalnum() else f"{{{columns.unit}}}{mark}{{{TAG}}}" if columns.unit else f"*{mark}{{{TAG}}}"


def _are_mostly_numbers(words: Sequence[str]) -> bool:
    return sum(is_decimal(word.replace(",", ".")) for word in words) > len(words) / 2
