"""Rows of JSON: objects one behind the other, or lists of them. What is nested is named with points: fields.temp."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from training.errors import BadData
from training.prognostics.file_names import one_form

HINT: Final = 'Write an object a line, like {"unit": "M1", "time": "2024-05-31T12:00:00Z", "temp": 20.5}.'

MOST_LETTERS: Final = 1 << 22
"""Of one object: what is longer holds more than a row."""

# Numbers stay as they are written: what a cell means is known in one place, cells.py.
_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_BETWEEN: Final = re.compile(r"[\s,\ufeff]*")
_BEGINNING: Final = re.compile(r"[\s\ufeff]*(?:\{|\[\s*[{\]])")

Values = dict[str, str]
"""Name -> what stands there, as text."""


def begins_json(text: str) -> bool:
    return bool(_BEGINNING.match(text))


def json_rows(pieces: Iterable[str], path: Path) -> Iterator[tuple[Values, int]]:
    """Each object of a text that comes in *pieces*, with the number of its line; in a list, its number there. No more
    than some of it is held at a time. Raises BadData, naming it.
    """
    text, listed, inside = _Text(pieces), 0, False
    while letter := text.next_letter():
        if letter in "[]" and inside == (letter == "]"):
            inside = not inside
            text.at += 1
            continue
        listed += inside
        number = listed if inside else text.line
        yield _values(_read_object(text, f"{path} line {number}"), path, number), number
    if inside:
        raise BadData(f"{path}: its list does not end behind object {listed}", "Is it damaged, or copied in part?")


class _Text:
    """What was read of a text and is not used yet, and where it goes on."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self.text, self.at, self.line = "", 0, 1

    def next_letter(self) -> str:
        """The first one that begins something; empty at the end."""
        while True:
            found = _BETWEEN.match(self.text, self.at)
            self.go_to(found.end() if found else self.at)
            if self.at < len(self.text) or not self.read_further():
                return self.text[self.at : self.at + 1]

    def go_to(self, at: int) -> None:
        self.line += self.text.count("\n", self.at, at)
        self.at = at

    def read_further(self) -> bool:
        """Whether there was more."""
        piece = next(self._pieces, "")
        self.text, self.at = self.text[self.at :] + piece, 0
        return bool(piece)


def _read_object(text: _Text, where: str) -> Any:
    """Raises BadData, which says *where*, where nothing that is read behind it ends what begins there."""
    while True:
        try:
            one, end = _DECODER.raw_decode(text.text, text.at)
        except (ValueError, RecursionError) as error:  # of a thousand brackets one in the other, too
            if len(text.text) - text.at > MOST_LETTERS or not text.read_further():
                raise BadData(f"{where}: is no JSON: {error}", HINT) from error
        else:
            text.go_to(end)
            return one


def _values(one: Any, path: Path, line: int) -> Values:
    if not isinstance(one, dict):
        raise BadData(f"{path} line {line}: is no object of names and values", HINT)
    return dict(_flat(one, ""))


def _flat(one: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for name, value in one.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield one_form(f"{before}{name}"), _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
