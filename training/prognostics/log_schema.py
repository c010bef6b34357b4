"""A sensor log in a few lines of TOML: where the files are, and which column means what.

    files = ["logs/*.csv"]      # CSV, Parquet, ..., relative to this file; patterns and folders allowed
    test = ["later/*.csv"]      # optional: units only for judging the finished net
    unit = "machine"            # column that names the unit; leave out where each file is one unit
    time = "hour"               # column: a number, or a date and time; ["date", "time"]: in several
    time_unit = "hours"         # what one step of time is called; for dates: seconds, minutes, hours or days
    channels = ["vibration"]    # columns the net sees
    conditions = ["gear"]       # optional: how the unit is run; channels are scaled within each condition
    missing = [-999, "off"]     # optional: cells that mean "not measured", besides empty ones

and exactly one way to say when a unit failed:

    fails_at = "failed_at"      # column: time of the failure, empty where the unit has not failed
    label = "failed"            # or: column of 0 and 1, the first 1 is the failure
    failed = ["E17", "E18"]     # with label: the words or codes that mean a failure
    runs_to_failure = true      # or: the last row of every unit is its failure
    [failures]                  # or: a table of failures: files, unit, time, and part with parts = ["bearing"]

optional, where a log can be read in two ways; found by itself where it is sure:

    separator = ";"    decimal = ","    thousands = "."    dates = "day first"    zone = "Europe/Berlin"
    categories = ["mode"]       # text columns whose few words the net sees
    sort = true                 # put each unit's rows in the order of time, one row of each time
    repaired = true             # a unit that failed goes on as a new one

and, where rows come faster than faults grow, or unevenly:

    step = "1 min"              # the net sees steps of time, not rows; a number is in time_unit
    step = "file"               # or: all rows of a file are samples of one measurement
    aggregates = ["mean", "spread", "min", "max"]  # what it sees of each channel within a step

and, where files say it with their names, or do not name their columns:

    path = "{unit}/{time}"      # folder and name of each file: the places in braces are columns, too
    header = ["x", "y"]         # the names of the columns of files without a line of them

and, where each value has a row of its own, as historians write them:

    [tags]                      # then channels and conditions are names of tags
    name = "TagName"            # column that says what was measured
    value = "Value"             # column that says how much
    pattern = "{unit}.{tag}"    # optional: what stands in a tag's name besides the channel
    quality = "Quality"         # optional: column that says whether the value counts
    good = ["Good", 192]        # which of its words mean that it does
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.errors import BadData
from training.prognostics.columns import Columns, Tags
from training.prognostics.file_names import one_form
from training.prognostics.log_keys import expand, find_problems, whole_pattern
from training.prognostics.s3_files import is_s3
from training.prognostics.step_keys import AGGREGATES, FILE, OF_SAMPLES, step_in

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, kw_only=True)
class Failures:
    """A table of failures, apart from the log: maintenance records."""

    files: tuple[Path, ...]
    unit: str
    time: str
    clock: tuple[str, ...] = ()
    """The columns that hold the rest of the time."""
    part: str = ""
    """Column that says what failed."""
    parts: tuple[str, ...] = ()
    """Which of them count; all where empty. Of several each is forecast by itself, too."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A whole description: the columns, the files, and how failure is told."""

    columns: Columns
    files: tuple[Path, ...]
    test: tuple[Path, ...] = ()
    fails_at: str = ""
    label: str = ""
    failed: tuple[str, ...] = ()
    runs_to_failure: bool = False
    failures: Failures | None = None
    sort: bool = False
    repaired: bool = False
    given: frozenset[str] = frozenset()
    """The keys that the TOML says: the others may be found out."""
    patterns: tuple[Path, ...] = ()
    """What its files are sought by on this computer, whole."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are asked about each by itself: those the table of failures counts, where they are several."""
        named = self.failures.parts if self.failures else ()
        return named if len(named) > 1 else ()


def read_description(path: Path) -> Description:
    """Read and check *path*. Raises BadData, which lists everything that is wrong with it."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors begin with a mark
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}", "table=FILE.toml describes your log") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not TOML: {error}", "docs/sensors.md shows a whole description") from error
    given = {key: value if key in ("files", "test") else _in_one_form(value) for key, value in given.items()}
    problems = find_problems(given)
    files = {key: _but(path, expand(path.parent, _list(given, key), problems)) for key in ("files", "test")}
    table = given.get("failures")
    apart = expand(path.parent, _list(table, "files"), problems) if isinstance(table, dict) else ()
    if problems:
        raise BadData(
            f"{path} does not describe a log:\n" + "\n".join(f"  - {problem}" for problem in problems),
            "docs/sensors.md shows a whole description",
        )
    sought = [*_list(given, "files"), *_list(given, "test"), *(_list(table, "files") if table else ())]
    described = _describe(given, files["files"], files["test"], apart)
    return replace(described, patterns=tuple(whole_pattern(path.parent, one) for one in sought if not is_s3(one)))


def _but(described: Path, files: tuple[Path, ...]) -> tuple[Path, ...]:
    """*files* without the description itself, which "*" means, too."""
    others = tuple(file for file in files if is_s3(str(file)) or file.resolve() != described.resolve())
    return others or files


def _in_one_form(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_one_form(one) for one in value]
    if isinstance(value, dict):
        return {key: one if key == "files" else _in_one_form(one) for key, one in value.items()}
    return one_form(value) if isinstance(value, str) else value


def _describe(
    given: Mapping[str, Any], files: tuple[Path, ...], test: tuple[Path, ...], apart: tuple[Path, ...]
) -> Description:
    said = {key: given[key] for key in ("fails_at", "label", "runs_to_failure", "sort", "repaired") if key in given}
    columns = _columns(given)
    return Description(
        columns=_with_tags(columns, given["tags"]) if given.get("tags") else columns,
        files=files,
        test=test,
        failed=_cells(given, "failed"),
        failures=_failures(given, apart),
        given=frozenset(given),
        **said,
    )


def _columns(given: Mapping[str, Any]) -> Columns:
    keys = ("unit", "time_unit", "separator", "decimal", "thousands", "dates", "zone", "path")
    words = {key: given[key] for key in keys if key in given}
    if words.get("separator") == " ":
        words["separator"] = ""  # any run of them, as columns are aligned
    channels, conditions = (tuple(_list(given, key)) for key in ("channels", "conditions"))
    time, *clock = given["time"] if isinstance(given["time"], list) else [given["time"]]
    return Columns(
        **words,
        time=time,
        clock=tuple(clock),
        channels=channels,
        conditions=conditions,
        kinds=tuple((name, "text") for name in _list(given, "categories")),
        missing=_cells(given, "missing"),
        header=tuple(_list(given, "header")),
        step=step_in(given),
        by_file=given.get("step") == FILE,
        sort=given.get("sort", False),
        aggregates=tuple(given.get("aggregates", _all_aggregates(given))),
    )


def _with_tags(columns: Columns, table: Mapping[str, Any]) -> Columns:
    """*columns* as the files have them: a name and a value in each row."""
    tags = Tags(
        name=table["name"],
        value=table["value"],
        channels=columns.channels,
        conditions=columns.conditions,
        pattern=table.get("pattern", ""),
        quality=table.get("quality", ""),
        good=_cells(table, "good"),
    )
    texts = tuple(name for name in (tags.name, tags.quality) if name)
    kinds = tuple((name, "text") for name in texts)
    return replace(columns, channels=(tags.value, *texts), conditions=(), kinds=kinds, tags=tags)


def _all_aggregates(given: Mapping[str, Any]) -> tuple[str, ...]:
    step = given.get("step")
    return OF_SAMPLES if step == FILE else AGGREGATES if step else ()


def _failures(given: Mapping[str, Any], files: tuple[Path, ...]) -> Failures | None:
    table = given.get("failures")
    if table is None:
        return None
    time, *clock = table["time"] if isinstance(table["time"], list) else [table["time"]]
    return Failures(
        files=files,
        unit=table.get("unit", given.get("unit", "")),
        time=time,
        clock=tuple(clock),
        part=table.get("part", ""),
        parts=_cells(table, "parts"),
    )


def _cells(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(cell) for cell in given.get(key, ()))


def _list(given: Mapping[str, Any], key: str) -> list[str]:
    """The list under *key*; empty where it is absent, or wrong (which is reported by itself)."""
    value = given.get(key, [])
    return value if isinstance(value, list) and all(isinstance(part, str) for part in value) else []
