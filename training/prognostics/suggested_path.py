"""Columns that no file holds, where the files' names do: the lines that the description lacks are said, not guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from training.errors import BadData
from training.numerals import is_decimal
from training.prognostics.columns import Columns, names_in_files
from training.prognostics.dates import date_in, join_time
from training.prognostics.dialect import Dialect
from training.prognostics.file_names import find_words, names_in_path, without_ending
from training.prognostics.log_keys import DIGITS, TIME_OF_DAY

DAY: Final = "day"
DAY_KEYS: Final = ("year", "month", "day", "hour", "minute")
WHOLE_DAYS: Final = ("date", "dt", "ds", "day")
UNIT: Final = "unit"
"""What the unit's column is called where the description has none."""

SAMPLES: Final = 'Where all rows of a file are samples of one measurement, as of a vibration sensor, add: step = "file"'


def refuse_unnamed(wanted: Sequence[str], found: Mapping[Path, Dialect], columns: Columns) -> None:
    """Raises BadData where no file names one of the *wanted* columns, and the files' paths show what to add."""
    held = {name for dialect in found.values() for name in dialect.header}
    missing = [name for name in names_in_files(columns, wanted) if name not in held]
    cells = _cells_without_names(next(iter(found.values())))
    outside = [name for name in missing if not cells or name in (columns.unit, columns.time)]
    days = _day_keys(list(found)) if columns.time in outside else ()
    pattern = _hive(list(found), _instead(outside, columns.time, days)) or _by_names(list(found), outside, columns)
    if columns.path or not outside or not _fits(list(found), pattern):
        return
    by_days = days != (columns.time,) and {*days} <= {*names_in_path(pattern)}
    lines = _lines(pattern, days if by_days else (), columns)
    if cells:
        lines.append(f"header = [{', '.join(_call(number) for number in range(min(cells, 4)))}] (names for {cells})")
    more = f" and {len(found) - 1:,} more files" if len(found) > 1 else ""
    raise BadData(
        f"{next(iter(found))}{more} have no column {' and no '.join(map(repr, missing))}",
        f"Do the files' paths say it? Then add to the TOML: {'; '.join(lines)}"
        + (f"\n{SAMPLES}" if columns.time in missing and not columns.by_file else ""),
    )


def refuse_day_in_path(found: Mapping[Path, Dialect], columns: Columns) -> None:
    """Raises BadData where the times of some files are those of a clock, and their paths say of which day: one without
    a file would be passed over.
    """
    files, days = list(found), _day_keys(list(found))[:3]
    pattern = _hive(files, [*names_in_path(columns.path), *days]) if days else ""
    if not pattern and not columns.path:
        pattern = _by_names(files, [DAY], replace(columns, time=DAY))
    each_is_a_unit = not columns.unit and len(set(map(_stem, files))) == len(files)
    if len(files) < 2 or each_is_a_unit or not _fits(files, pattern):
        return
    days = days or (DAY,)
    if all(_is_moment(join_time([(find_words(file, pattern) or {})[day] for day in days])) for file in files):
        lines = _lines(pattern, (*days, columns.time), columns)
        raise BadData(
            f"{columns.time}: times of day alone, and the day stands in the files' paths",
            f"Add to the TOML: {'; '.join(lines)}\n"
            f'Where it is not their day, and a clock that goes back begins the next one: dates = "{TIME_OF_DAY}".',
        )


def _lines(pattern: str, times: Sequence[str], columns: Columns) -> list[str]:
    """What the description lacks."""
    named = not columns.unit and f"{{{UNIT}}}" in pattern
    return [
        f'path = "{pattern}"',
        *([f'unit = "{UNIT}"'] if named else []),
        *([f"time = {json.dumps(list(times) if len(times) > 1 else times[0])}"] if times else []),
    ]


def _instead(names: Sequence[str], name: str, others: Sequence[str]) -> list[str]:
    return [*(one for one in names if one != name), *others] if others else list(names)


def _day_keys(files: Sequence[Path]) -> tuple[str, ...]:
    """The keys of folders like year=2024/month=05/day=17, or date=2024-05-17, that say when all in them was written."""
    keys = [part.partition("=")[0] for part in files[0].parts[:-1] if "=" in part]
    if {*DAY_KEYS[:3]} <= {*keys}:
        return tuple(key for key in DAY_KEYS if key in keys)
    return tuple(key for key in WHOLE_DAYS if key in keys)[:1]


def _call(number: int) -> str:
    return f'"c{number + 1}"' if number < 3 else "..."


def _cells_without_names(dialect: Dialect) -> int:
    """How many cells a row has, where the line taken for the names holds numbers alone; else 0."""
    cells = [cell for cell in re.split(r"[,;\t| ]+", " ".join(dialect.header)) if cell]
    return 0 if dialect.headless or not all(map(is_decimal, cells)) else len(cells)


def _hive(files: Sequence[Path], missing: Sequence[str]) -> str:
    """Folders like engine=5, as Hive, Spark and Arrow write them."""
    keys = [part.partition("=")[0] if "=" in part else "" for part in files[0].parts[:-1]]
    if not missing or not {*missing} <= {*keys}:
        return ""
    begin = min(keys.index(name) for name in missing)
    return "/".join([*(f"{key}={{{key}}}" if key in missing else "*" for key in keys[begin:]), "*"])


def _fits(files: Sequence[Path], pattern: str) -> bool:
    try:
        return bool(pattern) and all(find_words(file, pattern) for file in files)
    except BadData:  # it can be read in two ways
        return False


def _by_names(files: Sequence[Path], missing: Sequence[str], columns: Columns) -> str:
    """By the files' names; of files that are all called alike by those of their folders."""
    found = _by_stems(files, missing, columns)
    if found or len(set(map(_stem, files))) > 1 or len({file.parent for file in files}) == 1:
        return found
    above = _by_stems([file.parent for file in files], missing, columns)
    return f"{above}/*" if above else ""


def _by_stems(files: Sequence[Path], missing: Sequence[str], columns: Columns) -> str:
    """Where each name is a time or ends with a number that counts, after the same letters in all files and before the
    same ones.
    """
    stems = [_stem(file) for file in files]
    unit = columns.unit if columns.unit in missing else "" if columns.unit else UNIT
    behind = _behind(stems)
    before = {_before_number(stem.removesuffix(behind)) for stem in stems}
    if None in before or not {*missing} <= {columns.time, unit}:
        return ""
    if columns.time not in missing:
        return _units_alone(files, before, unit)
    ends = {(prefix or "")[-1:] for prefix in before}
    if len(before) == 1:
        return (f"{{{unit}}}/" if unit else "") + f"{before.pop()}{{{columns.time}}}{behind}"
    return f"{{{unit}}}{ends.pop()}{{{columns.time}}}{behind}" if unit and len(ends) == 1 and ends <= {*"_- "} else ""


def _behind(stems: Sequence[str]) -> str:
    """The word with which all *stems* end after a mark: "_raw"."""
    found = {(re.search(r"[-_. ][^\W\d_]+$", stem) or [""])[0] for stem in stems}
    return found.pop() if len(found) == 1 else ""


def _units_alone(files: Sequence[Path], before: set[str | None], unit: str) -> str:
    """The unit by its number, where each file is another; else by its folder."""
    if len(before) == 1 and len({_stem(file) for file in files}) == len(files) and before != {""}:
        return f"{before.pop()}{{{unit}}}"
    return f"{{{unit}}}/*" if len({file.parent for file in files}) > 1 else ""


def _stem(file: Path) -> str:
    return without_ending(str(file).rpartition("/")[2])


def _before_number(stem: str) -> str | None:
    """What stands in *stem* before the time, or the number, with which it ends; None where it ends with neither."""
    begins = [found.start() for found in re.finditer(r"(?<!\d)\d", stem)]
    moment = next((at for at in begins if _is_moment(stem[at:])), None)
    found = re.search(r"\d+$", stem)
    at = moment if moment is not None else found.start() if found else None
    if at is None or (moment is None and re.search(r"\d[-.: ]$", stem[:at])):  # a part of a time that nobody knows
        return None
    return stem[:at]


def _is_moment(word: str) -> bool:
    return bool(date_in(word, "") or date_in(word, DIGITS))
