"""The body of a request, from bytes to rows: what `predict` would leave out is refused here, by line and column.

A request is taken whole or not at all: who sends rows must not have to find out which of them counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import orjson

from training.console import plain
from training.errors import BadData
from training.prognostics.columns import Columns, names_in
from training.prognostics.layout import Cell
from training.serve.new_headers import Cut
from training.serve.rows import Arrived, cells_of, join_rows, no_time, read_arriving
from training.serve.tail import Piece

CSV: Final = "text/csv"
JSON: Final = "application/json"
FILE: Final = "body"
SHOWN: Final = 100
NAME_CHARACTERS: Final = 200
_SAID: Final = re.compile(rf"{FILE}(?: line (\d+))?: (.*?)(: left out( \(more are counted at the end\))?)?")
_LEFT_OUT: Final = ": left out"
_LONG_NUMBER: Final = re.compile(rb"\d{19}")


@dataclass(frozen=True)
class Problem:
    """What is wrong in a body; *line* 0: in the whole. A row of JSON counts as a line, from 1."""

    line: int
    column: str
    what: str


class BadBody(Exception):
    """Nothing of the body was used."""

    def __init__(self, problems: Sequence[Problem], hint: str = "") -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems, self.hint = list(problems[:SHOWN]), hint


@dataclass(frozen=True)
class Body:
    """Rows as they were sent. *unit*: whose they all are; empty: each row names its own."""

    content: bytes
    kind: str
    unit: str = ""


def read_body(body: Body, columns: Columns, last: Callable[[str], float] = no_time) -> Arrived:
    """*last* says each unit's last time so far, from which times of day go on. Raises BadBody, which names each wrong
    cell.
    """
    said, cells = list[str](), list[Cut]()
    try:
        cells = list(_cells(body, columns, said))
        named = _names_units(columns, cells)
        known = columns if named else replace(columns, unit="")
        pieces = list(
            read_arriving(cells, known, file=FILE, say=said.append, last=lambda unit: last(body.unit or unit))
        )
    except BadData as error:
        raise BadBody(_problems(error.cause, columns), _say_made(columns, cells) or error.hint) from error
    problems = [one for line in said if _LEFT_OUT in line for one in _problems(line, columns)]
    if problems:
        raise BadBody(problems, "Fix these rows or take them out; nothing of the request was used.")
    if not pieces:
        raise _no_rows()
    return _of_unit(join_rows(pieces), body.unit, columns if named else known)


def _say_made(columns: Columns, cells: Sequence[Cut]) -> str:
    """Of a run whose rows are made of whole files: what a request has to hold instead of their samples."""
    if not columns.samples or all({*columns.channels} <= {*header} for header, _, _ in cells):
        return ""
    what = "one value of a tag each" if columns.of_files.tags else "samples of a measurement"
    named = ", ".join(names_in(columns)[:SHOWN])
    return (
        f"This run makes its rows of files, whose rows are {what}. A request holds made rows: {named}.\n"
        "The files themselves are for: python -m training predict --run RUN FILE"
    )


def _no_rows() -> BadBody:
    return BadBody([Problem(0, "", "there are no rows")], "Send at least one row.")


def _cells(body: Body, columns: Columns, said: list[str]) -> Iterator[Cut]:
    if body.kind == JSON:
        yield _json_cells(body.content, columns.decimal)
        return
    lines = [line.rstrip("\r") for line in _utf8(body.content).split("\n")]
    yield from cells_of([Piece(lines, 1)], columns, file=FILE, say=said.append)


def _utf8(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadBody([Problem(line, "", "is not UTF-8 text")], "Send the rows as UTF-8.") from error


SHAPES: Final = 'Send {"rows": [{"column": value, ...}, ...]} or {"columns": [...], "rows": [[...], ...]}.'


def _json_cells(content: bytes, decimal: str) -> Cut:
    try:
        data = _loads(content)
    except (ValueError, RecursionError) as error:
        raise BadBody([Problem(getattr(error, "lineno", 0), "", f"is not JSON: {error}")], SHAPES) from error
    rows = data.get("rows") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise BadBody([Problem(0, "", "there is no list of rows")], SHAPES)
    header, values = (data["columns"], rows) if isinstance(data, dict) and "columns" in data else _take_names(rows)
    if not isinstance(header, list) or not all(isinstance(name, str) for name in header):
        raise BadBody([Problem(0, "columns", "is no list of names")], SHAPES)
    if not values:
        raise _no_rows()
    strange = [number for number, row in enumerate(values, start=1) if not isinstance(row, list)]
    if strange:
        raise BadBody([Problem(number, "", "is no row") for number in strange], SHAPES)
    cells = [[_cell(value, decimal) for value in row] for row in values]
    wrong = [
        Problem(number, header[place] if place < len(header) else "", "is neither a number nor a text")
        for number, row in enumerate(cells, start=1)
        if None in row
        for place, cell in enumerate(row)
        if cell is None
    ]
    if wrong:
        raise BadBody(wrong, SHAPES)
    return header, cast("list[list[Cell]]", cells), list(range(1, len(cells) + 1))


def _loads(content: bytes) -> Any:
    """What json.loads says, mostly by orjson, which is quicker. That would turn long whole numbers, which may name
    units, into rounded ones, and knows no NaN. Raises ValueError or RecursionError.
    """
    if not _LONG_NUMBER.search(content):
        with suppress(ValueError):
            return orjson.loads(content)
    return json.loads(content)


def _take_names(rows: list[Any]) -> tuple[list[str], list[Any]]:
    """(columns, rows of values) of rows that name each value; what a row does not name was not measured."""
    header = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    return header, [[row.get(name) for name in header] if isinstance(row, dict) else None for row in rows]


def _cell(value: Any, decimal: str) -> Cell | None:
    """As the log would have it, whose numbers may be written with a comma; None for what is no cell."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return value if decimal == "." else repr(value).replace(".", decimal)
    if isinstance(value, int):
        return str(int(value))  # true is 1
    return "" if value is None else None


def _names_units(columns: Columns, cells: Sequence[Cut]) -> bool:
    return bool(columns.unit) and any(columns.unit in header for header, _, _ in cells)


def _problems(said: str, columns: Columns) -> list[Problem]:
    """From the sentences of `predict`: "body line 3: heat: 'x' is not a number: left out"."""
    return [_problem(line, columns) for line in said.splitlines()]


def _problem(said: str, columns: Columns) -> Problem:
    found = _SAID.fullmatch(said)
    if found is None:
        return Problem(0, "", plain(said))
    line, what = int(found[1] or 0), found[2]
    names = (columns.unit, columns.time, *columns.channels, *columns.conditions)
    column = next((name for name in names if name and what.startswith(f"{name}: ")), "")
    return Problem(line, plain(column), plain(what.removeprefix(f"{column}: ")))


def _of_unit(arrived: Arrived, unit: str, columns: Columns) -> Arrived:
    """The rows with *unit* as their unit. Raises BadBody where a row names another, or none is named at all."""
    units = arrived.rows.units
    if not columns.unit:
        units = [unit] * len(units) if unit else units
    elif unit:
        others = [(name, line) for name, line in zip(units, arrived.rows.lines, strict=True) if name != unit]
        if others:
            what = [Problem(int(line), columns.unit, f"is '{plain(name)}', not '{unit}'") for name, line in others]
            raise BadBody(what, "Send these rows to their own unit, or to /units.")
    for name in dict.fromkeys(units):
        check_name(name)
    return replace(arrived, rows=replace(arrived.rows, units=units))


def check_name(unit: str) -> None:
    """Raises BadBody where *unit* is a name that no screen could show."""
    if not unit or len(unit) > NAME_CHARACTERS or plain(unit) != unit or "\n" in unit:
        what = f"a unit's name has 1 to {NAME_CHARACTERS} characters, all of them printable"
        raise BadBody([Problem(0, "", what)], "Give the unit another name.")
