"""Which dialect a file is written in, found from its first lines by the names that the description asks for: the line
that holds them all is the header, and what divides it there is the separator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from training.errors import BadData
from training.prognostics.cells import MISSING
from training.prognostics.columns import Columns
from training.prognostics.dialect import (
    HEADER_WITHIN,
    JSON,
    PARQUET,
    SAMPLE_BYTES,
    TAKE_ZEROS_OUT,
    TEXT_FILE,
    WORKBOOK,
    Dialect,
    first_rows,
    form_of,
    open_bytes,
    parquet_file,
    reading,
    sample_rows,
    text_pieces,
)
from training.prognostics.file_names import one_form
from training.prognostics.foreign_forms import refuse_foreign
from training.prognostics.json_rows import begins_json, json_rows
from training.prognostics.workbooks import list_sheets, refuse_unsaved_results

SEPARATORS: Final = (",", ";", "\t", "|", "")
"""The last one: any run of blanks."""
COMMENTS: Final = ("comment", "comments", "note", "notes", "remark", "remarks")
"""A last column that rows leave out where they have none: LabVIEW's way."""
FAR_BELOW: Final = 600
"""Where it is not among the first lines, it is looked for in so many."""
EMPTY: Final = "Take it out of the description, or wait until it has rows; its first line must name the columns."
UNIT_LINES: Final = 3
"""At most so many lines below the names hold units of measurement and the like."""
_MARKS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
LOOKED_AT: Final = 1_000
"""Objects of a JSON file in which its names are looked for: each may leave some out."""


def find_dialect(path: Path, columns: Columns, wanted: Sequence[str], *, given: frozenset[str]) -> Dialect:
    """The dialect of *path*, whose header should name all of *wanted*; *given* are the keys the description says.

    Raises BadData where it is empty, or no log at all.
    """
    form, packed = form_of(path)
    if form == PARQUET:
        return Dialect(form=PARQUET, header=tuple(map(one_form, parquet_file(path).schema_arrow.names)))
    start = Dialect(form=form, packed=packed)
    if form == TEXT_FILE:
        start = replace(start, encoding=encoding_of(path, start))
        if _is_json(path, start):
            return _of_json(path, start)
    separators = (columns.separator,) if "separator" in given else SEPARATORS
    if columns.header:
        return _without_header(path, start, separators, columns)
    if form == WORKBOOK:
        return _in_workbook(path, start, columns, wanted)
    return _with_header(path, start, separators, columns, wanted)


def _in_workbook(path: Path, start: Dialect, columns: Columns, wanted: Sequence[str]) -> Dialect:
    """The sheet that names most of *wanted*. Raises BadData where several hold a log."""
    sheets = list_sheets(path)
    starts = [replace(start, sheet=sheet if len(sheets) > 1 else "") for sheet in sheets]
    found = [_with_header(path, one, (",",), columns, wanted) for one in starts if first_rows(path, one, 1)]
    if not found:
        raise BadData(f"{path} is empty", EMPTY)
    named = [len({*wanted} & {*one.header}) for one in found]
    best = found[named.index(max(named))]
    if max(named) == len({*wanted}) and named.count(max(named)) > 1:
        several = [one.sheet for one, count in zip(found, named, strict=True) if count == max(named)]
        raise BadData(
            f"{path}: the sheets {' and '.join(map(repr, several[:4]))} have all columns of the log, each",
            "Save each sheet that belongs to it as a file of its own.",
        )
    refuse_unsaved_results(path, best.sheet, best.header, best.above + 1, wanted)
    return best


def encoding_of(path: Path, dialect: Dialect) -> str:
    with reading(path), open_bytes(path, dialect) as file:
        sample = file.read(SAMPLE_BYTES)
    refuse_foreign(path, sample[:1024])
    if sample[257:262] == b"ustar":
        raise BadData(f"{path} is an archive of tar", "Unpack it into a folder, and name that: tar -xf FILE -C FOLDER")
    if dialect.packed and sample.startswith(b"PAR1"):
        raise BadData(f"{path} is a packed Parquet file", "Unpack it: Parquet is packed in itself.")
    marked = next((name for mark, name in _MARKS.items() if sample.startswith(mark)), "")
    if marked:
        return marked
    nulls = sample[:1000].count(b"\0")
    if nulls > len(sample[:1000]) // 4:
        return "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
    if nulls:
        raise BadData(
            f"{path} is not text: it holds zero bytes",
            f"Save it as CSV UTF-8.\nWhere a logger's power was cut while it wrote: {TAKE_ZEROS_OUT}",
        )
    return "utf-8" if _is_utf8(sample) else "cp1252"


def _is_json(path: Path, dialect: Dialect) -> bool:
    first = next((piece for piece in text_pieces(path, dialect) if piece.strip("\ufeff \t\r\n")), "")
    return begins_json(first)


def _of_json(path: Path, start: Dialect) -> Dialect:
    """The names are those of its first objects."""
    objects = islice(json_rows(text_pieces(path, start), path), LOOKED_AT)
    rows = [values for values, _ in objects]
    names = dict.fromkeys(name for values in rows for name in values)
    if len(rows) == 1 and all(cell.startswith("[") for cell in rows[0].values()):
        split = ", orient='split'" if {"columns", "data"} <= {*names} else ""
        raise BadData(
            f"{path} is one object of lists: {', '.join(names)}",
            f"A table of it: pandas.read_json(FILE{split}).to_csv(CLEAN, index=False)",
        )
    return replace(start, form=JSON, header=tuple(names), headless=True)


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return len(sample) - error.start < 4 <= SAMPLE_BYTES <= len(sample)  # cut within a letter
    return True


def _with_header(
    path: Path, start: Dialect, separators: Sequence[str], columns: Columns, wanted: Sequence[str]
) -> Dialect:
    """*start* with the header that names most of *wanted*; of two such the first."""
    found, most = _best_header(path, start, separators, wanted, HEADER_WITHIN)
    if most < len(set(wanted)):  # some measuring programs write all their settings above the names
        further, named = _best_header(path, start, separators, wanted, FAR_BELOW)
        found, most = (further, named) if named > most else (found, most)
    if found is None or not any(found.header):
        raise BadData(f"{path} is empty", EMPTY)
    if most < len(set(wanted)) and most <= 1:  # nothing like a header: the first line is what a message speaks of
        found = replace(found, above=0, header=found.header if not found.above else _first_header(path, found))
    return _fit_rows(path, found, columns)


def _best_header(
    path: Path, start: Dialect, separators: Sequence[str], wanted: Sequence[str], within: int
) -> tuple[Dialect | None, int]:
    """And how many of *wanted* it names."""
    found, most = None, -1
    for separator in separators:
        dialect, marked = replace(start, separator=separator), False
        for row, line in first_rows(path, dialect, within):
            names = [one_form(name.strip()) for name in row]
            here = len(set(wanted) & set(_without_mark(names)))
            if here > most:
                found, most = replace(dialect, header=tuple(_without_mark(names)), above=line - 1), here
                found = replace(found, annotated=marked and not names[0])
            marked = marked or row[0].startswith("#")
    return found, most


def _without_header(path: Path, start: Dialect, separators: Sequence[str], columns: Columns) -> Dialect:
    """*start* with the names that the description gives; raises BadData where the rows have not so many cells."""
    widths: dict[str, int] = {}
    for separator in separators:
        dialect = replace(start, separator=separator, header=columns.header, headless=True)
        rows = first_rows(path, dialect)
        fitting = [(row, line) for row, line in rows if _fits(row, columns.header)]
        if fitting and len(fitting) >= len(rows) / 2:
            return _headless(path, dialect, *fitting[0])
        widths |= {separator: len(rows[-1][0])} if rows else {}
    if not widths:
        raise BadData(f"{path} is empty", "Take it out of the description.")
    raise BadData(
        f"{path}: its rows have {max(widths.values())} cells, and header names {len(columns.header)} columns",
        'Name each column in header, "" for one that nobody needs; or say separator = ";".',
    )


def _fits(row: Sequence[str], names: Sequence[str]) -> bool:
    return len(row) == len(names) or (len(row) > len(names) and not any(cell.strip() for cell in row[len(names) :]))


def _headless(path: Path, dialect: Dialect, first: Sequence[str], line: int) -> Dialect:
    """*dialect* of a file whose *first* row that fits stands in *line*. Raises BadData where that row names columns."""
    names = _without_mark([one_form(name.strip()) for name in first])
    if names[: len(dialect.header)] == list(dialect.header):
        return replace(dialect, header=tuple(names), above=line - 1, headless=False)
    if not any(_is_number(name) for name in names):
        raise BadData(
            f"{path} line {line} names the columns itself: {', '.join(names)}",
            "Leave header out, which is for files without such a line, and take these names.",
        )
    return replace(dialect, header=dialect.header + ("",) * (len(names) - len(dialect.header)), above=line - 1)


def _is_number(word: str) -> bool:
    return word.strip().lstrip("+-.")[:1].isdigit()


def _first_header(path: Path, dialect: Dialect) -> tuple[str, ...]:
    row, _ = next(iter(first_rows(path, dialect)))
    return tuple(one_form(name.strip()) for name in row)


def _without_mark(names: list[str]) -> list[str]:
    """ "# unit" is the name unit: some loggers write the names as a comment."""
    return [names[0].lstrip("#% ").strip() or names[0], *names[1:]] if names and names[0][:1] in ("#", "%") else names


def _fit_rows(path: Path, dialect: Dialect, columns: Columns) -> Dialect:
    """The dialect with its lines of units, and a nameless cell at the end where every row has one."""
    rows = sample_rows(path, dialect, HEADER_WITHIN)
    units = _count_unit_lines(rows, dialect.header, columns)
    dialect, rows = replace(dialect, below=units), rows[units:]
    widths, named = {len(row) for row in rows}, len(dialect.header)
    if len(widths) == 1:
        width = widths.pop()
        if width > named and not any(cell.strip() for row in rows for cell in row[named:]):
            return replace(dialect, header=dialect.header + ("",) * (width - named))
        if width < named and all(name.lower() in ("", *COMMENTS) for name in dialect.header[width:]):
            return replace(dialect, header=dialect.header[:width])
        if width == named + 1 and _count_on([row[0] for row in rows[:HEADER_WITHIN]]):
            return replace(dialect, header=("", *dialect.header))
    return dialect


def _count_on(cells: Sequence[str]) -> bool:
    """Whether *cells* number the rows, as R writes them before each without a name in the header."""
    numbers = [int(cell) for cell in cells if cell.isdecimal()]
    return len(numbers) == len(cells) > 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _count_unit_lines(rows: Sequence[Sequence[str]], header: Sequence[str], columns: Columns) -> int:
    """How many of *rows* are no rows of the log, but units or words below the names: no number in a channel, and no
    time, while the row after them has one.
    """
    if columns.time not in header or not columns.channels:  # of a table of failures each row counts
        return 0
    place, channels = header.index(columns.time), [header.index(name) for name in columns.channels if name in header]
    for count, row in enumerate(rows[: UNIT_LINES + 1]):
        if len(row) <= place:
            return 0
        if _is_time(row[place], columns):
            return count
        if any(row[at].strip()[:1].isdigit() for at in channels if at < len(row)):
            return 0
    return 0


def _is_time(word: str, columns: Columns) -> bool:
    """Whether *word* begins as each number, date and time of day does."""
    return word.strip().lower() not in MISSING and _is_number(word)
