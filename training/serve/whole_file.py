"""A log that lies there whole, in whatever dialect it is written: read by columns, as training reads it.

That is ten times as fast as line by line. At the first row that is not as it should be the file is read line by line
after all, which says what is wrong with which row and leaves that row out.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from training.errors import BadData
from training.prognostics import dialect as dialects
from training.prognostics.arrow_batches import read_batches
from training.prognostics.arrow_cells import as_text
from training.prognostics.cells import HEX, TEXT, TRUTH, Cells, bare, plain_number, trim
from training.prognostics.columns import Columns, names_in, names_in_files
from training.prognostics.dialect import Dialect, rows_by_hand, sample_rows
from training.prognostics.find_dialect import find_dialect
from training.prognostics.layout import Rows
from training.prognostics.log_keys import TIME_OF_DAY
from training.prognostics.measurements import log_pieces
from training.prognostics.moments import moment_like
from training.prognostics.number_style import Style, style_of
from training.prognostics.side_by_side import put_files_together
from training.prognostics.table import Marks, Met, Table
from training.prognostics.unit_logs import features_of
from training.prognostics.wrong_cells import Clock, require_names
from training.serve.new_headers import Cut
from training.serve.rows import Arrived, pick_rows

ROWS_AT_ONCE = 4096


def is_plain(file: Path, dialect: Dialect, columns: Columns) -> bool:
    """Whether the reader of growing text (tail.py) understands the *file*, too."""
    text = dialect.form == dialects.TEXT_FILE and not (dialect.packed or dialect.above or dialect.below)
    text = text and bool(dialect.header[0])
    named = dialect.headless == bool(columns.header)
    return (
        text
        and named
        and _has_newlines(file)
        and dialect.encoding in ("utf-8", "utf-8-sig")
        and dialect.separator == columns.separator
    )


def _has_newlines(file: Path) -> bool:
    """Older programs of Macs end lines by a carriage return alone."""
    with file.open("rb") as log:
        first = log.read(dialects.SAMPLE_BYTES)
    return b"\n" in first or b"\r" not in first


def whole_dialect(file: Path, columns: Columns) -> Dialect | None:
    """The dialect of *file*; None where it is a pipe, or its first line is a row. Raises BadData."""
    blanks = columns.header and not columns.separator
    if blanks or not stat.S_ISREG(file.stat().st_mode) or not file.stat().st_size:
        return None
    wanted = names_in_files(columns, names_in(columns))
    dialect = find_dialect(file, columns, wanted, given=frozenset())
    text = dialect.form == dialects.TEXT_FILE and not dialect.packed
    return None if text and not set(wanted) & set(dialect.header) else dialect


def in_its_style(file: Path, dialect: Dialect, columns: Columns) -> Columns:
    """*columns* with numbers as *file* writes them, where the first of them show that these are no numbers as the
    training files wrote them; training, too, reads each file in its own way.
    """
    if dialect.form == dialects.PARQUET:
        return columns
    words = _first_numbers(file, dialect, columns)
    if _are_numbers(words, Style(columns.decimal, columns.thousands)):
        return columns
    try:
        style = style_of(words, separator=dialect.separator, where=str(file))
    except BadData:  # in two ways: each row is said
        return columns
    return replace(columns, **style._asdict()) if _are_numbers(words, style) else columns


def _first_numbers(file: Path, dialect: Dialect, columns: Columns) -> set[str]:
    cells, rows = Cells(columns), sample_rows(file, dialect)
    texts = {name for name, kind in columns.kinds if kind in (TEXT, TRUTH, HEX)}
    names = {*columns.channels, *columns.conditions} - texts - {columns.time}
    places = [(dialect.header.index(name), cells.kinds.get(name, "")) for name in names if name in dialect.header]
    words = (bare(trim(row[place]), unit) for row in rows for place, unit in places if place < len(row))
    return {word for word in words if not cells.is_absent(word)}


def _are_numbers(words: Iterable[str], style: Style) -> bool:
    return all(plain_number(word, style.decimal, style.thousands) is not None for word in words)


def read_columns(
    file: Path, dialect: Dialect, columns: Columns, by_line: Callable[[], Iterator[Arrived]]
) -> Iterator[Arrived]:
    """The rows of *file* in order; *by_line* reads them all, one by one.

    Raises BadData where a column is missing: then no row can be read.
    """
    require_names(dialect.header, names_in_files(columns, names_in(columns)), file, dialect.above + 1)
    done, order, met = 0, _Order(), Met()
    try:
        for piece in log_pieces(file, dialect, columns, Clock(), Marks(), met):
            if piece.wrong or not order.goes_on(piece, columns):
                break
            yield _as_arrived(piece, columns, _strip(met.written), done)
            done += len(piece)
        else:
            return
    except BadData:
        pass  # it is said below, with the line, and only that row is left out
    answered = dict(zip(met.units.known, order.last.tolist(), strict=False))
    for arrived in by_line():
        last = np.array([answered.get(unit, -np.inf) for unit in arrived.rows.units])
        if (later := np.flatnonzero(arrived.rows.times > last)).size:
            yield pick_rows(arrived, later)


def read_in_any_order(
    file: Path, dialect: Dialect, columns: Columns, by_line: Callable[[], Iterator[Arrived]]
) -> list[Arrived]:
    """All rows of *file*, as they stand there; *by_line* reads them one by one where some cannot be read."""
    met, pieces, done = Met(), list[Arrived](), 0
    try:
        for piece in log_pieces(file, dialect, columns, Clock(), Marks(), met):
            if piece.wrong or _are_strange(piece, columns):
                return list(by_line())
            pieces.append(_as_arrived(piece, columns, _strip(met.written), done))
            done += len(piece)
    except BadData:  # it is said below, with the line, and only that row is left out
        return list(by_line())
    return pieces


def _are_strange(piece: Table, columns: Columns) -> bool:
    """Whether *piece* holds words that training never met."""
    return any(set(words) - set(dict(columns.categories)[name]) for name, words in piece.texts.items())


def _strip(column: Any) -> list[str]:
    import pyarrow.compute as compute

    words: list[str] = compute.utf8_trim_whitespace(as_text(column).fill_null("")).to_pylist()
    return words


def read_made(file: Path, columns: Columns) -> Iterator[Arrived]:
    """The rows that are made of several of *file*'s own. Raises BadData."""
    yield from _all_arrived(_pieces_of(file, columns), columns)


def read_tags(files: Sequence[Path], columns: Columns, leave_out: Callable[[BadData], None]) -> Iterator[Arrived]:
    """The rows that are made of those of all *files*: each tag may have files of its own. A file that cannot be read is
    said to *leave_out*.
    """
    tags = columns.of_files.tags
    assert tags is not None
    pieces = list[tuple[Table, str]]()
    for file in files:
        try:
            pieces += list(_pieces_of(file, columns))
        except BadData as error:
            leave_out(error)
    if pieces:
        tables = put_files_together([table for table, _ in pieces], tags)
        yield from _all_arrived(((table, pieces[0][1]) for table in tables), columns)


def _pieces_of(file: Path, columns: Columns) -> Iterator[tuple[Table, str]]:
    """Tables, each with a time as the file has it. Raises BadData, which names the line, where a time is missing."""
    of_file = columns.of_files
    dialect = find_dialect(file, of_file, names_in_files(of_file, names_in(of_file)), given=frozenset())
    met, of_file = Met(), in_its_style(file, dialect, of_file)
    for piece in log_pieces(file, dialect, of_file, Clock(), Marks(), met):
        if np.isnan(piece.times).any():
            line = piece.line(int(np.flatnonzero(np.isnan(piece.times))[0]))
            raise BadData(f"{file} line {line}: the time is missing", "Write it, or take the row out.")
        yield piece, _strip(met.written)[-1]


def _all_arrived(pieces: Iterable[tuple[Table, str]], columns: Columns) -> Iterator[Arrived]:
    done = 0
    for piece, like in pieces:
        times = [moment_like(time, columns, like) for time in piece.times.tolist()] if columns.of_files.tags else []
        yield _as_arrived(piece, columns, times or [like] * len(piece), done)
        done += len(piece)


def clocks_are_followed(columns: Columns) -> bool:
    """Whether times go on over midnight, or twice through an hour: only row by row, as they come, is that known."""
    return columns.dates == TIME_OF_DAY or bool(columns.zone)


class _Order:
    """Whether rows are as they should be: each with a time, which comes after the unit's last."""

    def __init__(self) -> None:
        self.last = np.empty(0)

    def goes_on(self, piece: Table, columns: Columns) -> bool:
        if clocks_are_followed(columns):
            return False
        if _are_strange(piece, columns):
            return False
        new = np.full(len(piece.names) - len(self.last), -np.inf)
        self.last = np.concatenate([self.last, new])
        order = np.argsort(piece.units, kind="stable")
        units, times = piece.units[order], piece.times[order]
        before = np.concatenate([[-np.inf], times[:-1]])
        first = np.diff(units, prepend=-1) != 0
        before[first] = self.last[units[first]]
        if not (times > before).all():
            return False
        self.last[units] = times  # of several rows of a unit the last one stays
        return True


def _as_arrived(piece: Table, columns: Columns, written: list[str], done: int) -> Arrived:
    units = np.array(piece.names, dtype=object)[piece.units].tolist()
    lines = np.arange(done, done + len(piece))
    values, conditions = (features_of(piece, columns, names) for names in (columns.channels, columns.conditions))
    return Arrived(Rows(units, piece.times, values, conditions, lines), written)


def cells_by_line(file: Path, dialect: Dialect, columns: Columns) -> Iterator[Cut]:
    """Line by line, with the numbers of the lines."""
    if dialect.form == dialects.PARQUET:
        yield from _parquet_cells(file, dialect, columns)
        return
    rows = rows_by_hand(file, dialect)
    while piece := list(islice(rows, ROWS_AT_ONCE)):
        yield list(dialect.header), [row for row, _ in piece], [line for _, line in piece]


def _parquet_cells(file: Path, dialect: Dialect, columns: Columns) -> Iterator[Cut]:
    names, number = names_in_files(columns, names_in(columns)), 1
    for batch in read_batches(file, dialect, names, Cells(columns)):
        cells = [as_text(batch[name]).fill_null("").to_pylist() for name in names]
        rows = [list(row) for row in zip(*cells, strict=True)]
        yield names, rows, list(range(number, number + len(rows)))
        number += len(rows)
