"""A sensor log in a few lines of TOML: where the files are, and which column means what.

    files = ["logs/*.csv"]      # CSV or Parquet, relative to this file; patterns allowed
    test = ["later/*.csv"]      # optional: units only for judging the finished net
    unit = "machine"            # column that names the unit; leave out where each file is one unit
    time = "hour"               # column: a number, or an ISO 8601 date and time
    time_unit = "hours"         # what one step of time is called; for dates: seconds, minutes, hours or days
    channels = ["vibration"]    # columns the net sees
    conditions = ["gear"]       # optional: how the unit is run; channels are scaled within each condition
    separator = ";"             # optional; a comma otherwise
    missing = [-999, "off"]     # optional: cells that mean "not measured", besides empty ones

and exactly one line that says when a unit failed:

    fails_at = "failed_at"      # column: time of the failure, empty where the unit has not failed
    label = "failed"            # or: column of 0 and 1, the first 1 is the failure
    runs_to_failure = true      # or: the last row of every unit is its failure
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from training.config import nearest
from training.errors import BadData

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SECONDS: Final = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
WAYS_TO_FAIL: Final = ("fails_at", "label", "runs_to_failure")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column means what: all that is needed to read a row in service."""

    time: str
    channels: tuple[str, ...]
    unit: str = ""
    conditions: tuple[str, ...] = ()
    time_unit: str = "steps"
    separator: str = ","
    """One character, or empty for any run of blanks."""
    header: tuple[str, ...] = ()
    """Names of the columns where the log has no header line."""
    order: tuple[str, ...] = ()
    """Names of the columns as the training files had them, for a log that arrives without its header."""
    missing: tuple[str, ...] = ()
    """Cells that mean "not measured" besides empty ones; where they are numbers, however they are written."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Columns:
        names = ("channels", "conditions", "header", "order", "missing")
        tuples = {name: tuple(data[name]) for name in names if name in data}  # older runs have not all of them
        return cls(**{**data, **tuples})


@dataclass(frozen=True, kw_only=True)
class Description:
    """A whole description: the columns, the files, and how failure is told."""

    columns: Columns
    files: tuple[Path, ...]
    test: tuple[Path, ...] = ()
    fails_at: str = ""
    label: str = ""
    runs_to_failure: bool = False


def read_description(path: Path) -> Description:
    """Read and check *path*. Raises BadData, which lists everything that is wrong with it."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors begin with a mark
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}", "table=FILE.toml describes your log") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not TOML: {error}", "docs/sensors.md shows a whole description") from error
    problems = _problems(given)
    files = {key: _expand(path.parent, _list(given, key), problems) for key in ("files", "test")}
    if problems:
        raise BadData(
            f"{path} does not describe a log:\n" + "\n".join(f"  - {problem}" for problem in problems),
            "docs/sensors.md shows a whole description",
        )
    ways = {key: given[key] for key in WAYS_TO_FAIL if key in given}
    return Description(columns=_columns(given), files=files["files"], test=files["test"], **ways)


def _columns(given: Mapping[str, Any]) -> Columns:
    words = {key: given[key] for key in ("time", "unit", "time_unit", "separator") if key in given}
    channels, conditions = (tuple(_list(given, key)) for key in ("channels", "conditions"))
    missing = tuple(str(cell) for cell in given.get("missing", ()))
    return Columns(**words, channels=channels, conditions=conditions, missing=missing)


def _list(given: Mapping[str, Any], key: str) -> list[str]:
    """The list under *key*; empty where it is absent, or wrong (which is reported by itself)."""
    value = given.get(key, [])
    return value if _is(value, list) else []


_KINDS: Final[dict[str, type]] = {
    **dict.fromkeys(("files", "test", "channels", "conditions"), list),
    **dict.fromkeys(("time", "unit", "time_unit", "separator", "fails_at", "label"), str),
    "runs_to_failure": bool,
}
_SAID: Final[dict[type, str]] = {list: 'a list like ["a", "b"]', str: "text", bool: "true or false"}
_NEEDED: Final = ("files", "time", "channels")


def _problems(given: Mapping[str, Any]) -> list[str]:
    found = [
        f"{key}: there is no such key{nearest(key, [*_KINDS, 'missing'])}"
        for key in given
        if key not in (*_KINDS, "missing")
    ]
    found += [f"{key}: is missing" for key in _NEEDED if not given.get(key)]
    for key, kind in _KINDS.items():
        if key in given and not _is(given[key], kind):
            found.append(f"{key}: must be {_SAID[kind]}")
    ways = [key for key in WAYS_TO_FAIL if given.get(key)]
    if len(ways) != 1:
        found.append(f"say exactly one of {', '.join(WAYS_TO_FAIL)}" + (f", not {' and '.join(ways)}" if ways else ""))
    if isinstance(given.get("separator"), str) and len(given["separator"]) != 1:
        found.append("separator: must be one character")
    if "missing" in given and not _are_cells(given["missing"]):
        found.append('missing: must be a list of numbers and texts like [-999, "off"]')
    return found + _wrong_columns(given)


def _are_cells(value: Any) -> bool:
    kinds = (str, int, float)
    return isinstance(value, list) and all(isinstance(part, kinds) and not isinstance(part, bool) for part in value)


def _wrong_columns(given: Mapping[str, Any]) -> list[str]:
    """Columns that must not be seen by the net, and columns that are named twice or not at all."""
    # The time may be a channel: where it counts from new, age is a sign of wear.
    hidden = {given[key]: key for key in ("unit", "fails_at", "label") if isinstance(given.get(key), str)}
    found = []
    for key in ("channels", "conditions"):
        names = _list(given, key)
        found += [f"{key}: a name is empty" for name in dict.fromkeys(names) if not name.strip()]
        found += [f"{key}: '{name}' is listed twice" for name in dict.fromkeys(names) if names.count(name) > 1]
        found += [
            f"{key}: '{name}' is the {hidden[name]} column, which the net must not see"
            for name in dict.fromkeys(names)
            if name.strip() and name in hidden
        ]
    return found


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (not isinstance(value, list) or all(isinstance(part, str) for part in value))


def _expand(folder: Path, patterns: list[str], problems: list[str]) -> tuple[Path, ...]:
    """Files in the order of their names. A pattern that finds nothing is a problem, not an empty list."""
    found: list[Path] = []
    for pattern in patterns:
        files = _matches(folder, pattern)
        if not files:
            problems.append(f"{pattern or '(empty)'}: there is no such file in {folder.resolve()}")
        found += files
    return tuple(dict.fromkeys(found))


def _matches(folder: Path, pattern: str) -> list[Path]:
    try:
        matches = [Path(pattern)] if Path(pattern).is_absolute() else sorted(folder.glob(pattern))
        return [match for match in matches if match.is_file()]
    except (ValueError, IndexError):  # how pathlib refuses "", "**a.csv" and "."
        return []


def names_in(table: Columns) -> list[str]:
    """The columns a log must have for a forecast."""
    return [name for name in (table.unit, table.time, *table.channels, *table.conditions) if name]
