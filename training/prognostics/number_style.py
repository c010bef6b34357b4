"""How the numbers of a log are written: which mark stands before the decimals, and which between the thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from training.errors import BadData

APART: Final = (" ", "'", "\u00a0", "\u202f", "\u2009")
"""Marks that stand between thousands only."""

_COMMA_THEN_POINT: Final = re.compile(r"[-+]?\d{1,3}(,\d{3})+\.\d+$", re.ASCII)
_POINT_THEN_COMMA: Final = re.compile(r"[-+]?\d{1,3}(\.\d{3})+,\d+$", re.ASCII)
_MANY_COMMAS: Final = re.compile(r"[-+]?\d{1,3}(,\d{3}){2,}$", re.ASCII)
_MANY_POINTS: Final = re.compile(r"[-+]?\d{1,3}(\.\d{3}){2,}$", re.ASCII)
_ONE_COMMA: Final = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?$", re.ASCII)
_COMMA_BEFORE_THREE: Final = re.compile(r"[-+]?\d{1,3},\d{3}$", re.ASCII)
_APART: Final = re.compile(rf"[-+]?\d{{1,3}}([{''.join(APART)}])\d{{3}}(?:\1\d{{3}})*(?:([.,])\d+)?$", re.ASCII)


class Style(NamedTuple):
    decimal: str = "."
    thousands: str = ""

    def describe(self) -> list[str]:
        found = [f"'{self.decimal}' before the decimals"] if self.decimal != "." else []
        return found + ([f"'{self.thousands}' between the thousands"] if self.thousands else [])


def style_of(words: Iterable[str], *, separator: str, where: str) -> Style:
    """The style of *words*, cells of columns that hold numbers.

    Raises BadData where "1,073" could be either: *where* names the file.
    """
    words = [word for word in sorted(words) if "," in word or "." in word or any(mark in word for mark in APART)]
    apart = [found for word in words if (found := _APART.match(word))]
    if apart:
        decimal = next((found[2] for found in apart if found[2]), "")
        return Style(decimal or ("," if any(_ONE_COMMA.match(word) for word in words) else "."), apart[0][1])
    if any(_POINT_THEN_COMMA.match(word) for word in words):
        return Style(",", ".")
    if any(_COMMA_THEN_POINT.match(word) or _MANY_COMMAS.match(word) for word in words):
        return Style(".", ",")
    commas = [word for word in words if _ONE_COMMA.match(word)]
    if not commas:
        return Style(",", ".") if any(_MANY_POINTS.match(word) for word in words) else Style()
    if separator == "," and all(_COMMA_BEFORE_THREE.match(word) for word in commas):
        raise BadData(
            f'{where}: "{commas[0]}" is {commas[0].replace(",", ".")} or {commas[0].replace(",", "")}',
            'Add to the TOML: decimal = "," or thousands = ",".',
        )
    return Style(",")


def refuse_thousands_as_decimals(
    words: Iterable[str], style: Style, other: Style, *, where: str, elsewhere: str
) -> None:
    """Raises BadData where *words*, of one file, all look like thousands in the style of another."""
    mark = style.decimal
    marked = [word for word in sorted(words) if mark in word]
    if marked and other.thousands == mark and all(plain_thousands(word, mark) for word in marked):
        raise BadData(
            f'{where}: "{marked[0]}" is {marked[0].replace(mark, ".")}, or {marked[0].replace(mark, "")} '
            f"as it would be in {elsewhere}",
            f'Add to the TOML: decimal = "{other.decimal}" and thousands = "{mark}". Or write all files alike.',
        )


def plain_thousands(word: str, mark: str) -> bool:
    return bool(re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}({re.escape(mark)}\d{{3}})+", word, re.ASCII))
