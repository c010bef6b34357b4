"""Rows of JSON: an object a line, or one list of objects. What is nested is named with points: fields.temp."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from training.errors import BadData

HINT: Final = 'Write an object a line, like {"unit": "M1", "time": "2024-05-31T12:00:00Z", "temp": 20.5}.'

Values = dict[str, str]
"""Name -> what stands there, as text."""


def json_rows(lines: Iterable[str], path: Path) -> Iterator[tuple[Values, int]]:
    """Each object of *lines* with the number of its line; in a list, its number. Raises BadData, naming it."""
    numbered = iter(enumerate(lines, start=1))
    for number, line in numbered:
        text = line.strip("\ufeff \t\r\n")
        if text.startswith("["):
            rest = "".join([text, *(later for _, later in numbered)])
            yield from ((_values(one, path, place), place) for place, one in enumerate(_loads(rest, path, number), 1))
        elif text:
            yield _values(_loads(text, path, number), path, number), number


def _loads(text: str, path: Path, line: int) -> Any:
    try:
        # Numbers stay as they are written: what a cell means is known in one place, cells.py.
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:  # of a thousand brackets one in the other, too
        raise BadData(f"{path} line {line}: is no JSON: {error}", HINT) from error


def _values(one: Any, path: Path, line: int) -> Values:
    if not isinstance(one, dict):
        raise BadData(f"{path} line {line}: is no object of names and values", HINT)
    return dict(_flat(one, ""))


def _flat(one: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for name, value in one.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
