"""The keys of a description: what is wrong with them, all at once, and which files its patterns mean."""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from training.config import nearest
from training.errors import BadData
from training.prognostics.file_names import ENDINGS, files_below, is_clutter, logs_among, names_in_path, path_problems
from training.prognostics.s3_files import find_files, glob_regex, is_s3
from training.prognostics.step_keys import step_problems

DAY_FIRST, MONTH_FIRST, DIGITS, TIME_OF_DAY = "day first", "month first", "digits", "time of day"
NUMBERS = "numbers"
DATES: Final = (DAY_FIRST, MONTH_FIRST, DIGITS, TIME_OF_DAY, NUMBERS)
"""How dates may be written that can be read in two ways."""

WAYS_TO_FAIL: Final = ("fails_at", "label", "runs_to_failure", "failures")

_TEXTS: Final = ("unit", "time_unit", "separator", "decimal", "thousands", "dates", "zone", "fails_at", "label", "path")
_KINDS: Final[dict[str, type]] = {
    **dict.fromkeys(("files", "test", "header", "channels", "conditions", "categories"), list),
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("runs_to_failure", "sort", "repaired"), bool),
    **dict.fromkeys(("failures", "tags"), dict),
}
_SAID: Final[dict[type, str]] = {
    list: 'a list like ["a", "b"]',
    str: "text",
    bool: "true or false",
    dict: "a table: [failures], then files, unit and time; [tags], then name and value",
}
MOST_PARTS: Final = 6
"""Of a time: from its year to its second."""
TAG: Final = "tag"
"""What the place of the channel is called in the pattern of a tag's name."""
_CELLS: Final = ("missing", "failed")
_KEYS: Final = (*_KINDS, "time", *_CELLS, "step", "aggregates")
_IN_FAILURES: Final = ("files", "unit", "time", "part", "parts")
_IN_TAGS: Final = ("name", "value", "pattern", "quality", "good")
_NEEDED: Final = ("files", "time", "channels")


def find_problems(given: Mapping[str, Any]) -> list[str]:
    found = [f"{key}: there is no such key{nearest(key, _KEYS)}" for key in given if key not in _KEYS]
    found += [f"{key}: is missing" for key in _NEEDED if not given.get(key)]
    found += [
        f"{key}: must be {_SAID[kind]}" for key, kind in _KINDS.items() if key in given and not _is(given[key], kind)
    ]
    found += _time_problems(given.get("time", ""))
    ways = [key for key in WAYS_TO_FAIL if given.get(key)]
    if len(ways) != 1 and not (not ways and given.get("runs_to_failure") is False):  # false: nothing failed yet
        found.append(f"say exactly one of {', '.join(WAYS_TO_FAIL)}" + (f", not {' and '.join(ways)}" if ways else ""))
    found += _letter_problems(given)
    found += [
        f'{key}: must be a list of numbers and texts like [-999, "off"]'
        for key in _CELLS
        if key in given and not _are_cells(given[key])
    ]
    found += _failures_problems(given.get("failures")) + step_problems(given) + _wrong_columns(given)
    return found + _path_problems(given) + _header_problems(given) + _tags_problems(given)


def _time_problems(time: Any) -> list[str]:
    names = time if isinstance(time, list) and all(isinstance(name, str) and name for name in time) else []
    several = 2 <= len(names) == len({*names}) <= MOST_PARTS
    said = 'time: must be text, or columns like ["date", "time"] or ["year", "month", "day", "hour"]'
    return [] if isinstance(time, str) or several else [said]


def _letter_problems(given: Mapping[str, Any]) -> list[str]:
    found = [
        f"{key}: must be one character"
        for key in ("separator", "decimal", "thousands")
        if isinstance(given.get(key), str) and len(given[key]) != 1
    ]
    if given.get("decimal", ".") == given.get("thousands"):
        found.append("decimal and thousands: must differ")
    if isinstance(given.get("dates"), str) and given["dates"] not in DATES:
        found.append(f"dates: must be one of {', '.join(DATES)}")
    if isinstance(given.get("zone"), str) and not _is_zone(given["zone"]):
        found.append(f"zone: '{given['zone']}' is no time zone that this computer knows; one is Europe/Berlin")
    if given.get("failed") and not given.get("label"):
        found.append("failed: says which words of the column under label mean a failure, and there is no label")
    return found


def _is_zone(name: str) -> bool:
    try:
        return not name or bool(ZoneInfo(name).key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _failures_problems(table: Any) -> list[str]:
    if not isinstance(table, dict):
        return []
    found = [f"failures: there is no key {key}{nearest(key, _IN_FAILURES)}" for key in table if key not in _IN_FAILURES]
    found += [f"failures: {key} is missing" for key in ("files", "time") if not table.get(key)]
    found += [f"failures: {problem}" for problem in _time_problems(table.get("time", ""))]
    wrong = [key for key in ("unit", "part") if not isinstance(table.get(key, ""), str)]
    found += [f"failures: {key}: must be text" for key in wrong]
    if not _is(table.get("files", []), list):
        found.append(f"failures: files: must be {_SAID[list]}")
    if not _are_cells(table.get("parts", [])):
        found.append('failures: parts: must be a list of numbers and texts like ["bearing", 7]')
    if table.get("parts") and not table.get("part"):
        found.append("failures: parts says which words of the column under part count, and there is no part")
    return found


def _are_cells(value: Any) -> bool:
    kinds = (str, int, float)
    return isinstance(value, list) and all(isinstance(part, kinds) and not isinstance(part, bool) for part in value)


def _wrong_columns(given: Mapping[str, Any]) -> list[str]:
    """Columns that must not be seen by the net, and columns that are named twice or not at all."""
    # The time may be a channel: where it counts from new, age is a sign of wear.
    hidden = {given[key]: key for key in ("unit", "fails_at", "label") if isinstance(given.get(key), str)}
    found = []
    for key in ("channels", "conditions"):
        names = _names(given, key)
        found += [f"{key}: a name is empty" for name in dict.fromkeys(names) if not name.strip()]
        found += [f"{key}: '{name}' is listed twice" for name in dict.fromkeys(names) if names.count(name) > 1]
        found += [
            f"{key}: '{name}' is the {hidden[name]} column, which the net must not see"
            for name in dict.fromkeys(names)
            if name.strip() and name in hidden
        ]
    listed = [*_names(given, "channels"), *_names(given, "conditions")]
    texts = _names(given, "categories")
    return found + [f"categories: '{name}' is no channel and no condition" for name in texts if name not in listed]


def _path_problems(given: Mapping[str, Any]) -> list[str]:
    pattern = given.get("path")
    if not isinstance(pattern, str):
        return []
    found, places = path_problems(pattern), names_in_path(pattern)
    time = given.get("time")
    times = time if isinstance(time, list) else [time]
    channels = _names(given, "channels")
    tags = given.get("tags")
    named = tags.get("name") if isinstance(tags, dict) else None
    used = [given.get("unit"), given.get("fails_at"), named, *times, *channels, *_names(given, "conditions")]
    if given.get("label") in places:
        found.append(f"path: '{given['label']}' is the label, and would mark the first row of each file already")
    found += [f"path: nothing takes {{{name}}}: say what it is, like unit = \"{name}\", or write *" for name in places
              if name.strip() and name not in used and name != given.get("label")]  # fmt: skip
    if not given.get("unit") and set(times) & set(places):
        found.append("unit: is missing: each file has a time of its own, so its name names no unit")
    if channels and set(channels) <= set(places):
        found.append("path: all channels stand in it: nothing would be read of the files")
    return found


def _tags_problems(given: Mapping[str, Any]) -> list[str]:
    table = given.get("tags")
    if not isinstance(table, dict):
        return []
    found = [f"tags: there is no key {key}{nearest(key, _IN_TAGS)}" for key in table if key not in _IN_TAGS]
    found += [f"tags: {key} is missing" for key in ("name", "value") if not table.get(key)]
    texts = ("name", "value", "pattern", "quality")
    found += [f"tags: {key}: must be text" for key in texts if key in table and not isinstance(table[key], str)]
    if "good" in table and not _are_cells(table["good"]):
        found.append('tags: good: must be a list of numbers and texts like ["Good", 192]')
    if bool(table.get("quality")) != bool(table.get("good")):
        found.append("tags: quality names the column, and good its words that count: say both, or none")
    found += [f"{key}: does not go with tags, whose rows hold a value each: say [failures], or runs_to_failure"
              for key in ("fails_at", "label") if given.get(key)]  # fmt: skip
    found += [f"{key}: does not go with tags" for key in ("categories",) if given.get(key)]
    if given.get("step") == "file":
        found.append('step: "file" does not go with tags; a length of time does')
    return found + _tag_pattern_problems(given, table)


def _tag_pattern_problems(given: Mapping[str, Any], table: Mapping[str, Any]) -> list[str]:
    pattern = table.get("pattern")
    if not isinstance(pattern, str) or not pattern:
        return []
    found = [problem.replace("path:", "tags: pattern:", 1) for problem in path_problems(pattern)]
    names = {TAG, *([given["unit"]] if isinstance(given.get("unit"), str) else [])}
    if set(names_in_path(pattern)) - names or TAG not in names_in_path(pattern):
        found.append(f"tags: pattern: has the places {{{TAG}}} and, if the machine stands there, that of unit")
    return found


def _header_problems(given: Mapping[str, Any]) -> list[str]:
    names = _names(given, "header")
    found = [f"header: '{name}' is listed twice" for name in dict.fromkeys(names) if name and names.count(name) > 1]
    return found + (["header: no column has a name"] if "header" in given and not any(names) else [])


def _names(given: Mapping[str, Any], key: str) -> list[str]:
    value = given.get(key)
    return value if _is(value, list) and value is not None else []


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (not isinstance(value, list) or all(isinstance(part, str) for part in value))


def expand(folder: Path, patterns: list[str], problems: list[str]) -> tuple[Path, ...]:
    """Files in the order of their names. A pattern that finds nothing is a problem, not an empty list."""
    found: list[Path] = []
    for pattern in patterns:
        try:
            files = find_files(pattern, ENDINGS) if is_s3(pattern) else _matches(folder, pattern)
        except BadData as error:
            problems.append(f"{error.cause}\n    {error.hint}")
            continue
        if not files:
            problems.append(_nothing_found(folder, pattern))
        found += files
    return tuple({_place_of(file): file for file in reversed(found)}.values())[::-1]


def _place_of(file: Path) -> str:
    """Where *file* is, by whatever links it was found."""
    return str(file) if is_s3(str(file)) else os.path.realpath(file)


def _nothing_found(folder: Path, pattern: str) -> str:
    if pattern.strip(" .") and not is_s3(pattern) and whole_pattern(folder, pattern).is_dir():
        known = "none of its files ends like one (.csv, .parquet, ...)"
        return f'{pattern}: is a folder, and {known}; "{pattern.rstrip("/")}/*" takes every file'
    where = "" if is_s3(pattern) else f" in {folder.resolve()}"
    return f"{pattern or '(empty)'}: there is no such file{where}"


def _matches(folder: Path, pattern: str) -> list[Path]:
    if not pattern.strip() or pattern in (".", ".."):
        return []
    try:
        whole = folder / Path(pattern).expanduser()
        matches = [whole] if whole.exists() else _glob(str(whole))
    except (ValueError, OSError, RuntimeError):  # a name no file can have; "~nobody"
        return []
    return sorted(file for match in matches for file in _files_in(match))


def _glob(pattern: str) -> list[Path]:
    forms = dict.fromkeys([pattern, *(unicodedata.normalize(form, pattern) for form in ("NFC", "NFD"))])
    found = [Path(one) for form in forms for one in glob.glob(form, recursive=True)]
    return [path for path in dict.fromkeys(found) if not is_clutter(path.name)]


def whole_pattern(folder: Path, pattern: str) -> Path:
    """*pattern*, which is relative to *folder*, from the root on."""
    return folder.resolve() / Path(pattern).expanduser()


def would_match(pattern: Path, file: Path) -> bool:
    """Whether *file*, were it there, would be among those that *pattern* means; both whole."""
    if pattern.is_dir():
        return pattern in file.parents and file.name.endswith(ENDINGS)
    return bool(re.fullmatch(glob_regex(str(pattern)), str(file)))


def _files_in(match: Path) -> list[Path]:
    """*match* itself, or of a folder all that may be a log, its own folders too."""
    if not match.is_dir():
        return [match] if match.is_file() else []
    return logs_among(files_below(match))
