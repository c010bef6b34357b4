"""A file in pieces of Arrow columns, whatever it is written as: text by Arrow's reader, Parquet by its own types.

What Arrow cannot cut into cells is read once more by Python's reader, which names the line, or manages.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from training.errors import BadData
from training.prognostics import dialect as dialects
from training.prognostics.cells import Cells
from training.prognostics.dialect import TAKE_ZEROS_OUT, Dialect, cells_by_hand, is_header
from training.prognostics.file_names import one_form
from training.prognostics.wrong_cells import FIX, refuse_other_header, some_of

BLOCK_BYTES: Final = 1 << 20
"""Of text: measured faster than blocks of 4 MB, which leave the processor's caches before their cells are numbers."""
ROWS_AT_ONCE: Final = 1 << 16


def read_batches(file: Path, dialect: Dialect, wanted: Sequence[str], cells: Cells) -> Iterator[Mapping[str, Any]]:
    """Pieces of *file*: for each wanted column an Arrow array, of text as it stands there or of Parquet's own type."""
    with dialects.reading(file):
        yield from _read_batches(file, dialect, wanted, cells)


def first_rows(file: Path, wanted: Sequence[str], count: int) -> Mapping[str, Any]:
    """At most *count* rows of a Parquet *file*, as read_batches gives them; nothing where it has none."""
    with dialects.reading(file):
        return next(_parquet_batches(file, wanted, count), {})


def count_rows(file: Path, dialect: Dialect) -> int | None:
    """How many rows a Parquet *file* says it has; None of any other, which must be read to know."""
    if dialect.form != dialects.PARQUET:
        return None
    with dialects.reading(file):
        return int(dialects.parquet_file(file).metadata.num_rows)


def _read_batches(file: Path, dialect: Dialect, wanted: Sequence[str], cells: Cells) -> Iterator[Mapping[str, Any]]:
    if dialect.form == dialects.PARQUET:
        yield from _parquet_batches(file, wanted, ROWS_AT_ONCE)
        return
    if dialect.form in (dialects.WORKBOOK, dialects.JSON) or dialect.annotated or not dialect.separator:
        yield from _batches_by_hand(file, dialect, wanted, skip=0)
        return
    done = 0
    try:
        for piece in _csv_batches(file, dialect, wanted, cells):
            yield piece
            done += len(piece[wanted[0]])
    except _Uneven:
        # Rows of unequal width, an open quotation mark, another encoding further on: said by line, or read after all.
        yield from _batches_by_hand(file, dialect, wanted, skip=done)


def _parquet_batches(file: Path, wanted: Sequence[str], rows_at_once: int) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa

    parquet = dialects.parquet_file(file)
    there = {one_form(name): name for name in parquet.schema_arrow.names}
    for name in wanted:
        _require_cells(file, parquet.schema_arrow, there[name])
    names = [there[name] for name in wanted]
    try:
        for batch in parquet.iter_batches(batch_size=rows_at_once, columns=names, use_threads=False):
            columns = [_plain(file, name, batch.column(batch.schema.get_field_index(name))) for name in names]
            yield dict(zip(wanted, columns, strict=True))
    except pa.ArrowException as error:
        raise BadData(f"{file} cannot be read to its end: {error}", "Is it damaged, or copied in part?") from error


def _require_cells(file: Path, schema: Any, name: str) -> None:
    """Raises BadData where the column has no cells of one value, or where there are two of that name."""
    import pyarrow as pa

    if schema.get_field_index(name) < 0:
        raise BadData(f"{file}: there is more than one column '{name}'", "Give each column a name of its own.")
    kind = schema.field(name).type
    if pa.types.is_nested(kind):
        raise BadData(f"{file}: column '{name}' holds {kind}, not numbers or text", "Write one number a row.")


class _Uneven(Exception):
    """Arrow cannot cut this text into cells."""


def _csv_batches(file: Path, dialect: Dialect, wanted: Sequence[str], cells: Cells) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    places = [str(place) for place in range(len(dialect.header))]
    chosen = [str(dialect.header.index(name)) for name in wanted]
    encoding = "utf8" if dialect.encoding in ("utf-8", "utf-8-sig") else dialect.encoding
    content = dialects.open_bytes(file, dialect)
    try:
        reader = arrow_csv.open_csv(
            content,
            arrow_csv.ReadOptions(
                block_size=BLOCK_BYTES,
                use_threads=False,
                skip_rows=dialect.first_row,
                column_names=places,
                encoding=encoding,
            ),
            arrow_csv.ParseOptions(delimiter=dialect.separator, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(chosen, pa.string()),
                include_columns=chosen,
                null_values=_spellings(cells.absent),
                strings_can_be_null=True,
            ),
        )
        rows = 0
        for batch in reader:
            rows += len(batch)
            if len(batch):
                yield dict(zip(wanted, batch.columns, strict=True))
        _refuse_lost_rows(file, dialect, rows)
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise _Uneven from error
    except UnicodeError as error:
        raise _Uneven from error
    finally:
        content.close()


def _refuse_lost_rows(file: Path, dialect: Dialect, rows: int) -> None:
    """A quotation mark that nobody closes, or one alone in a cell, makes one cell of all that follows: rows would
    vanish unsaid. Bytes of 0 would be letters of a name. *rows* are those that were found.

    Raises BadData, which names the line.
    """
    marks, zeros = 0, False
    with dialects.open_bytes(file, dialect) as content:
        for block in iter(lambda: content.read(BLOCK_BYTES), b""):
            marks += block.count(b'"')
            zeros = zeros or b"\0" in block
    if zeros and not dialect.encoding.startswith("utf-16"):
        _refuse_zeros(file, (([line], n) for n, line in enumerate(dialects.text_lines(file, dialect), start=1)))
    if marks % 2:  # one may be the 5" of a pipe
        _refuse_open_quote(file, dialect)
    if marks and _count_lines(file, dialect) > rows + dialect.first_row:
        _refuse_swallowed(file, dialect)


def _count_lines(file: Path, dialect: Dialect) -> int:
    with dialects.open_bytes(file, dialect) as content:
        return sum(block.count(b"\n") for block in iter(lambda: content.read(BLOCK_BYTES), b""))


def _refuse_open_quote(file: Path, dialect: Dialect) -> None:
    before, last, cells = 0, 0, [""]
    for row, line in cells_by_hand(file, dialect):
        before, last, cells = last, line, row
    if "\n" in cells[-1]:
        raise BadData(
            f"{file} line {before + 1}: a quotation mark is opened and not closed",
            "Fix it: all that follows is taken for one cell.",
        )


def _refuse_swallowed(file: Path, dialect: Dialect) -> None:
    lines = list[str]()
    rows = csv.reader(map(partial(_note, lines), dialects.text_lines(file, dialect)), delimiter=dialect.separator)
    for _ in rows:
        if dialects.swallows_rows(lines, dialect.separator, len(dialect.header)):
            raise BadData(
                f"{file} line {rows.line_num - len(lines) + 1}: a quotation mark is opened, and closed "
                f"{len(lines) - 1} lines further on",
                "These lines look like rows of their own, and would be one cell. Take the marks out, or double them.",
            )
        lines.clear()


def _note(lines: list[str], line: str) -> str:
    lines.append(line)
    return line


def _batches_by_hand(file: Path, dialect: Dialect, wanted: Sequence[str], *, skip: int) -> Iterator[Mapping[str, Any]]:
    """As Arrow would, by Python's own reader, from row *skip* on. Raises BadData, naming the line, where that fails."""
    import pyarrow as pa

    width, places = len(dialect.header), [dialect.header.index(name) for name in wanted]
    all_rows = ((row, line) for row, line in cells_by_hand(file, dialect) if line > dialect.first_row)
    rows = islice(all_rows, skip, None)
    while piece := list(islice(rows, ROWS_AT_ONCE)):
        uneven = [
            (row, line)
            for row, line in piece
            if len(row) != width and not _ends_empty(row, width) and not is_header(row, dialect)
        ]
        if uneven:
            _refuse_zeros(file, piece)
            refuse_other_header(file, dialect, uneven)
            _refuse_uneven(file, uneven, width, last=piece[-1][1] if len(piece) < ROWS_AT_ONCE else 0)
        cells = [[row[place] if place < len(row) else "" for row, _ in piece] for place in places]
        yield {name: pa.array(column, type=pa.string()) for name, column in zip(wanted, cells, strict=True)}


def _ends_empty(row: Sequence[str], width: int) -> bool:
    """Whether what *row* has too much is empty, as behind a last comma."""
    return len(row) > width and not any(cell.strip() for cell in row[width:])


def _refuse_zeros(file: Path, rows: Iterable[tuple[Sequence[str], int]]) -> None:
    line = next((line for row, line in rows if "\0" in "".join(row)), 0)
    if line:
        raise BadData(
            f"{file} line {line} holds bytes of 0: a logger leaves such where its power is cut while it writes",
            f"Take them out, and the line they stand in where it is cut: {TAKE_ZEROS_OUT}",
        )


TORN: Final = (
    "This is the file's last line. Is it still being written, was it copied in part, or does it end with a line that "
    "is no row?"
)


def _refuse_uneven(file: Path, uneven: Sequence[tuple[Sequence[str], int]], width: int, *, last: int) -> None:
    """*last*: the line in which the file ends, or 0."""
    torn = len(uneven) == 1 and uneven[0][1] == last and len(uneven[0][0]) < width
    shown = [f"{file} line {line}: {len(row)} cells, but the log has {width} columns" for row, line in uneven]
    for_people = any(row[0].startswith("---") or row[0].endswith(" rows)") for row, _ in uneven)
    hint = "This is how psql prints for people: psql --csv writes a log." if for_people else FIX
    raise BadData(some_of(shown), f"{TORN}\n{hint}" if torn else hint)


def _spellings(absent: frozenset[str]) -> list[str]:
    """As Arrow wants them, letter for letter; another way to write them is looked at by itself."""
    return sorted({form for word in absent for form in (word, word.upper(), word.title(), word.capitalize(), "NaN")})


def _plain(file: Path, name: str, column: Any) -> Any:
    """Parquet's dictionaries, bytes and large strings as plain text. Raises BadData where it is none."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kinds = (pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    try:
        if any(is_kind(column.type) for is_kind in kinds):  # bytes: as older writers of Parquet store text
            column = column.cast(pa.string())
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        raise BadData(f"{file}: column '{name}' holds bytes that are no text", "Write it as UTF-8 text.") from error
    return column
