"""Labelled cycles in a few lines of TOML: what was measured in each, and in which state the parts were.

A cycle is a stretch of time in which a machine does one thing: a stroke, a charge, a minute at load. Either every
channel has a file of its own, in which a row is a cycle,

    states = "profile.csv"          # a row for each cycle, in the same order
    parts = ["cooler", "valve"]     # its columns that name a state: by name, or by number from 1 where it has no header
    separator = ""                  # of all files; "" for blanks, a comma otherwise
    test = "later"                  # optional: a folder with files of the same names, only for judging the finished net

    [channels]                      # what the net sees, and the file it is in; files may differ in samples to a cycle
    pressure = "PS1.txt"
    flow = "FS1.txt"

or all of it stands in one table, in which a cycle is many rows:

    files = ["log.csv"]             # relative to this file; patterns allowed
    test = ["later.csv"]            # optional
    cycle = "cycle"                 # column that is the same in all rows of a cycle, and no other's
    channels = ["pressure", "flow"]
    parts = ["cooler", "valve"]     # columns that name a state
    separator = ";"

In both, `missing = [-999]` lists cells that mean "not measured" besides empty ones, and `group = "machine"` names a
column (of `states`, or of the table): cycles of one group stay on one side of a
split. A state that nobody knows is an empty cell.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from training.config import nearest
from training.errors import BadData
from training.prognostics.log_keys import expand

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHOWN_WHERE: Final = "docs/condition.md shows whole descriptions"

Column = str | int
"""By name, or by number from 1."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How cycles are written: all that is needed to read more of them in service."""

    channels: tuple[str, ...]
    channel_files: tuple[str, ...] = ()
    """One for each channel where a row is a cycle; none where a cycle is many rows of one table."""
    cycle: str = ""
    separator: str = ","
    missing: tuple[str, ...] = ()
    """Cells that mean "not measured" besides empty ones; where they are numbers, however they are written."""

    @property
    def row_is_cycle(self) -> bool:
        return bool(self.channel_files)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layout:
        # older runs have no "missing"
        lists = {name: tuple(data.get(name, ())) for name in ("channels", "channel_files", "missing")}
        return cls(**{**data, **lists})


@dataclass(frozen=True, kw_only=True)
class Description:
    layout: Layout
    parts: tuple[Column, ...]
    places: tuple[Path, ...]
    """A folder where a row is a cycle, else the tables."""
    test: tuple[Path, ...] = ()
    states: str = ""
    group: Column = ""


def read_description(path: Path) -> Description:
    """Read and check *path*. Raises BadData, which lists everything that is wrong with it."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}", "table=FILE.toml describes your cycles") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not TOML: {error}", SHOWN_WHERE) from error
    wide = isinstance(given.get("channels"), dict)
    problems = _problems(given, _WIDE if wide else _LONG)
    if not problems:
        description = (_wide if wide else _long)(given, path.parent, problems)
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise BadData(f"{path} does not describe labelled cycles:\n{listed}", SHOWN_WHERE)
    return description


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one.strip() for one in value)


def _is_column(value: Any) -> bool:
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return number or (isinstance(value, str) and bool(value.strip()))


def _is_columns(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_column, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_separator(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1


def _is_cells(value: Any) -> bool:
    kinds = (str, int, float)
    return isinstance(value, list) and all(isinstance(one, kinds) and not isinstance(one, bool) for one in value)


def _is_files(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(_is_text(file) for file in value.values())


_SAID: Final = {
    _is_texts: 'a list like ["a", "b"]',
    _is_column: "a column's name, or its number from 1",
    _is_columns: 'a list of column names like ["a", "b"], or of their numbers from 1',
    _is_text: "text",
    _is_separator: 'one character, or "" for blanks',
    _is_cells: 'a list of numbers and texts like [-999, "off"]',
    _is_files: 'a table of names and files like pressure = "PS1.txt"',
}
_WIDE: Final = {
    "channels": _is_files, "states": _is_text, "parts": _is_columns, "separator": _is_separator, "test": _is_text,
    "group": _is_column, "missing": _is_cells,
}  # fmt: skip
_LONG: Final = {
    "files": _is_texts, "cycle": _is_text, "channels": _is_texts, "parts": _is_texts, "separator": _is_separator,
    "test": _is_texts, "group": _is_text, "missing": _is_cells,
}  # fmt: skip
_OPTIONAL: Final = ("separator", "test", "group", "missing")


def _problems(given: Mapping[str, Any], keys: Mapping[str, Any]) -> list[str]:
    found = [f"{key}: there is no such key{nearest(key, keys)}" for key in given if key not in keys]
    found += [f"{key}: is missing" for key in keys if key not in given and key not in _OPTIONAL]
    found += [f"{key}: must be {_SAID[right]}" for key, right in keys.items() if key in given and not right(given[key])]
    for key in ("channels", "parts"):
        names = given.get(key)
        if isinstance(names, list):
            found += [f"{key}: '{name}' is listed twice" for name in dict.fromkeys(map(str, names)) if
                      list(map(str, names)).count(name) > 1]  # fmt: skip
    return found + _told_to_the_net(given)


def _listed(given: Mapping[str, Any], key: str) -> list[Any]:
    value = given.get(key)
    return value if isinstance(value, list) else []


def _told_to_the_net(given: Mapping[str, Any]) -> list[str]:
    names = given.get("channels", [])
    if not _is_texts(names):
        return []
    answers = {key: given.get(key) for key in ("cycle", "group")}
    parts = [part for part in _listed(given, "parts") if isinstance(part, str)]
    found = [f"channels: '{name}' is the {key} column, which the net must not see" for key, name in answers.items()
             if name in names]  # fmt: skip
    return found + [
        f"channels: '{name}' is one of parts, which the net must not see" for name in parts if name in names
    ]


def _wide(given: Mapping[str, Any], folder: Path, problems: list[str]) -> Description:
    files = given["channels"]
    layout = Layout(
        channels=tuple(files), channel_files=tuple(files.values()), separator=given.get("separator", ","),
        missing=_missing(given),
    )  # fmt: skip
    test = (folder / given["test"],) if "test" in given else ()
    for place in (folder, *test):
        missing = [name for name in (*layout.channel_files, given["states"]) if not (place / name).is_file()]
        problems += [f"{name}: there is no such file in {place.resolve()}" for name in missing]
    return Description(
        layout=layout, parts=tuple(given["parts"]), places=(folder,), test=test, states=given["states"],
        group=given.get("group", ""),
    )  # fmt: skip


def _missing(given: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, given.get("missing", ())))


def _long(given: Mapping[str, Any], folder: Path, problems: list[str]) -> Description:
    layout = Layout(
        channels=tuple(given["channels"]), cycle=given["cycle"], separator=given.get("separator", ","),
        missing=_missing(given),
    )  # fmt: skip
    return Description(
        layout=layout, parts=tuple(given["parts"]), places=expand(folder, given["files"], problems),
        test=expand(folder, given.get("test", []), problems), group=given.get("group", ""),
    )  # fmt: skip
