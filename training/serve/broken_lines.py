"""Rows with line ends between quotation marks, as in a comment of two lines: put together of their lines, also where a
pipe brings these one by one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from training.prognostics.dialect import swallows_rows
from training.serve.tail import Piece

MOST_LINES: Final = 100
"""A row of more has a quotation mark that nobody closes."""

Line = tuple[str, int]
"""And its number."""


def whole_rows(pieces: Iterable[Piece], separator: str) -> Iterator[list[Line]]:
    """The lines of *pieces* as rows, each with the number of its first line. The last lines wait where they are the
    beginning of a row; a line that opens a quotation mark in vain is left as it is.
    """
    held, width = list[Line](), 0
    for piece in pieces:
        if piece.number == 1:  # the log is begun anew
            yield held
            held, width = [], piece.lines[0].count(separator) + 1 if separator else 0
        numbered = [(line, piece.number + place) for place, line in enumerate(piece.lines)]
        rows, held = _join([*held, *numbered], separator, width)
        yield rows
    yield held


def _join(lines: Sequence[Line], separator: str, width: int) -> tuple[list[Line], list[Line]]:
    """(rows, the lines of a row that goes on)"""
    if not separator or not any(line.count('"') % 2 for line, _ in lines):  # as nearly always
        return list(lines), []
    rows, at = list[Line](), 0
    while at < len(lines):
        count = _count_lines([line for line, _ in lines[at : at + MOST_LINES]], separator, width)
        if count is None and len(lines) - at < MOST_LINES:
            return rows, list(lines[at:])
        taken = lines[at : at + (count or 1)]
        rows.append(("\n".join(line for line, _ in taken), taken[0][1]))
        at += len(taken)
    return rows, []


def _count_lines(lines: Sequence[str], separator: str, width: int) -> int | None:
    """Of how many of *lines* the first row is; None where these do not end it."""
    if lines[0].count('"') % 2 == 0 or _is_closed(lines[:1], separator):
        return 1
    for count in range(2, len(lines) + 1):
        if swallows_rows([lines[0], lines[count - 1]], separator, width):
            return 1
        if lines[count - 1].count('"') % 2 and _is_closed(lines[:count], separator):
            return count
    return None


def _is_closed(lines: Sequence[str], separator: str) -> bool:
    """Whether *lines* are one row, each of whose quotation marks is closed."""
    try:  # an open one takes the empty line, too
        return len(list(csv.reader(["\n".join(lines), ""], delimiter=separator, strict=len(lines) > 1))) == 2
    except csv.Error:
        return False
