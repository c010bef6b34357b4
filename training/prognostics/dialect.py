"""How one file of a log is written, and its bytes, lines and rows as that says.

Packed or not, in which encoding, cells apart by what, header in which line: find_dialect.py looks.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from training.errors import BadData
from training.prognostics import s3_files
from training.prognostics.cells import split_blanks, trim
from training.prognostics.foreign_forms import refuse_foreign
from training.prognostics.json_rows import json_rows
from training.prognostics.s3_files import S3File, as_file
from training.prognostics.workbooks import sheet_rows

SAMPLE_BYTES: Final = 1 << 18
LATER_BYTES: Final = 1 << 15
END_OF_TEXT: Final = "\x1a"
"""With which DOS ends a text."""
HEADER_WITHIN: Final = 60
"""The header is looked for in so many lines."""
TAKE_ZEROS_OUT: Final = "tr -d '\\000' < FILE > CLEAN"

csv.field_size_limit(1 << 24)
"""Of 131,072 letters, which Python allows, a comment may have more; of an open quotation mark there is no end."""

_PACKED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}
ENCRYPTED: Final = 1
"""A flag of a file in a zip archive. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.4"""
PARQUET, WORKBOOK, JSON, TEXT_FILE = "Parquet", "workbook", "JSON", "text"


@dataclass(frozen=True)
class Dialect:
    form: str = TEXT_FILE
    packed: str = ""
    """gzip, zstd, bz2, lz4 or zip."""
    encoding: str = "utf-8"
    separator: str = ","
    header: tuple[str, ...] = ()
    """The names of the columns; what has none, like the cell behind a last comma, is called ""."""
    above: int = 0
    """Lines before the header."""
    below: int = 0
    """Lines between the header and the first row: units of measurement."""
    headless: bool = False
    """No line of the file names the columns: the description does."""
    sheet: str = ""
    """Of a workbook of several sheets."""
    annotated: bool = False
    """Lines that begin with # say what the columns are, also between the rows: InfluxDB's way."""

    @property
    def first_row(self) -> int:
        """How many lines stand before the first row."""
        return self.above + (0 if self.headless else 1) + self.below

    def describe(self) -> list[str]:
        """What is unusual about it, in words."""
        sheet = f"sheet '{self.sheet}'" if self.sheet else "first sheet"
        names = {"\t": "tabs", ";": "semicolons", "|": "upright strokes", "": "blanks"}
        return [
            *([f"packed with {self.packed}"] if self.packed else []),
            *([f"a workbook, its {sheet}"] if self.form == WORKBOOK else []),
            *(["JSON"] if self.form == JSON else []),
            *([f"{self.encoding} text"] if self.encoding not in ("utf-8", "utf-8-sig") else []),
            *([f"cells apart by {names.get(self.separator, self.separator)}"] if self.separator != "," else []),
            *([f"{self.above} lines above the {'rows' if self.headless else 'names'} left out"] if self.above else []),
            *([f"{self.below} lines of units below the names left out"] if self.below else []),
            *(["a first cell without a name left out"] if self.header and not self.header[0] else []),
            *(["a last cell without a name left out"] if self.header and not self.header[-1] else []),
        ]


def form_of(path: Path) -> tuple[str, str]:
    try:
        with s3_files.reading(path), path.open("rb") as file:
            first = file.read(1024)
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}", f"ls -l {path} shows who may") from error
    refuse_foreign(path, first)
    if first.startswith(b"PAR1") or path.suffix == ".parquet":
        return PARQUET, ""
    if first.startswith(b"PK\x03\x04"):
        return (WORKBOOK, "") if path.suffix.lower() in (".xlsx", ".xlsm") else (TEXT_FILE, "zip")
    return TEXT_FILE, next((name for mark, name in _PACKED.items() if first.startswith(mark)), "")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raises BadData where *path* turns out to be damaged, often far below: each unpacker says so in its own way."""
    try:
        with s3_files.reading(path):
            yield
    except (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise BadData(f"{path} cannot be read to its end: {error}", "Is it damaged, or copied in part?") from error


def open_bytes(path: Path, dialect: Dialect) -> Any:
    """The content of *path*, unpacked. Raises BadData."""
    import pyarrow as pa

    if dialect.packed == "zip":
        return _only_member(path)
    try:
        file: Any = path.open("rb") if isinstance(path, S3File) else pa.OSFile(str(path))
        return pa.CompressedInputStream(file, dialect.packed) if dialect.packed else file
    except (OSError, NotImplementedError) as error:
        raise BadData(f"{path} cannot be unpacked: {error}", "Is it damaged, or copied in part?") from error


def _only_member(path: Path) -> Any:
    try:
        archive = zipfile.ZipFile(as_file(path))
    except (OSError, zipfile.BadZipFile) as error:
        raise BadData(f"{path} cannot be unpacked: {error}", "Is it damaged, or copied in part?") from error
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX")]
    if any(one.filename == "xl/workbook.xml" for one in members):
        raise BadData(f"{path} is a workbook", "Call it .xlsx, or save its sheet as CSV.")
    if len(members) != 1:
        raise BadData(f"{path} holds {len(members)} files", "Pack each log by itself, or unpack them into a folder.")
    if members[0].flag_bits & ENCRYPTED:
        raise BadData(f"{path} is locked with a password", "Unpack it first.")
    return archive.open(members[0])


def text_lines(path: Path, dialect: Dialect) -> Iterator[str]:
    """The lines of *path* with their ends; what cannot be decoded is shown as such."""
    with reading(path), open_bytes(path, dialect) as file:
        yield from io.TextIOWrapper(file, encoding=dialect.encoding, errors="replace", newline="")


def text_pieces(path: Path, dialect: Dialect) -> Iterator[str]:
    """The text of *path*, whose lines may have no end."""
    with reading(path), open_bytes(path, dialect) as file:
        text = io.TextIOWrapper(file, encoding=dialect.encoding, errors="replace", newline="")
        yield from iter(lambda: text.read(SAMPLE_BYTES), "")


def cells_by_hand(path: Path, dialect: Dialect) -> Iterator[tuple[list[str], int]]:
    """Each row with the number of its line, by Python's own reader: slow, and forgiving. Blank lines are left out.

    Raises BadData where a line cannot be cut into cells.
    """
    if dialect.form == WORKBOOK:
        yield from sheet_rows(path, dialect.sheet)
        return
    if dialect.form == JSON:
        for values, line in json_rows(text_pieces(path, dialect), path):
            yield [values.get(name, "") for name in dialect.header], line
        return
    if not dialect.separator:
        numbered = enumerate(map(split_blanks, text_lines(path, dialect)), start=1)
        yield from ((row, line) for line, row in numbered if row)
        return
    reader = csv.reader(text_lines(path, dialect), delimiter=dialect.separator)
    try:
        for row in reader:
            if row and row != [END_OF_TEXT] and not (dialect.annotated and row[0].startswith("#")):
                yield row, reader.line_num
    except csv.Error as error:
        raise BadData(
            f"{path} line {reader.line_num}: {error}",
            "Is a quotation mark left open there? Fix it, and save it as CSV UTF-8.",
        ) from error


def swallows_rows(lines: Sequence[str], separator: str, width: int) -> bool:
    """Whether *lines*, which quotation marks make one row of, look like rows of *width* cells, each: a mark alone in a
    cell, for "as above", and the next such mark make one cell of all that stands between them.
    """
    return len(lines) > 1 and width > 1 and all(line.count(separator) == width - 1 for line in lines)


def rows_by_hand(path: Path, dialect: Dialect) -> Iterator[tuple[list[str], int]]:
    """As cells_by_hand, the rows of the log alone: no header, and not where it stands again."""
    for row, line in cells_by_hand(path, dialect):
        if line > dialect.first_row and not is_header(row, dialect):
            yield row, line


def is_header(row: Sequence[str], dialect: Dialect) -> bool:
    """Whether *row* names the columns, exactly as the header does: files were put one behind the other."""
    if not row or not dialect.header or name_in(row[0]) != dialect.header[0]:  # as nearly always
        return False
    return _to_last_name(list(map(name_in, row))) == _to_last_name(list(dialect.header))


def name_in(cell: str) -> str:
    return trim(cell).strip('"')


def _to_last_name(names: list[str]) -> list[str]:
    while names and not names[-1]:
        names.pop()
    return names


def first_rows(path: Path, dialect: Dialect, most: int = HEADER_WITHIN) -> list[tuple[list[str], int]]:
    rows = []
    try:
        for row in cells_by_hand(path, dialect):
            rows.append(row)
            if len(rows) == most:
                break
    except BadData:
        if dialect.form == WORKBOOK:
            raise
        # A quotation mark in a comment: the reader of the rows will say it where it matters.
    return rows


def sample_rows(path: Path, dialect: Dialect, most: int = 120) -> list[list[str]]:
    """Some of its rows: the first, and of plain text some from the middle and the end, where numbers may be longer."""
    rows = first_rows(path, dialect, most + HEADER_WITHIN + dialect.above)
    first = [row for row, line in rows if line > dialect.first_row and not is_header(row, dialect)]
    plain = dialect.form == TEXT_FILE and not dialect.packed and not dialect.encoding.startswith("utf-16")
    return [*first, *_later_rows(path, dialect, most)] if plain and len(first) >= most else first


def _later_rows(path: Path, dialect: Dialect, most: int) -> list[list[str]]:
    size, found = path.stat().st_size, list[list[str]]()
    with path.open("rb") as file:
        for place in (size // 2, max(size - LATER_BYTES, size // 2)):
            file.seek(place)
            lines = file.read(LATER_BYTES).decode(dialect.encoding, errors="replace").splitlines()[1:-1][-most:]
            for line in lines:
                found += csv.reader([line], delimiter=dialect.separator) if dialect.separator else [split_blanks(line)]
    return [row for row in found if len(row) == len(dialect.header) and not is_header(row, dialect)]


@lru_cache(maxsize=64)
def _parquet_metadata(path: Path, changed_ns: int, size: int) -> Any:
    """Of a file as it is now; a look, a survey and a reading ask for it, and it can be long."""
    from pyarrow import parquet

    return parquet.read_metadata(as_file(path))


def parquet_file(path: Path) -> Any:
    from pyarrow import parquet

    try:
        about = path.stat()
        known = _parquet_metadata(path, about.st_mtime_ns, about.st_size)
        # Of a bucket pieces are fetched ahead; here that would only hold the whole file in memory besides its rows.
        return parquet.ParquetFile(as_file(path), metadata=known, pre_buffer=isinstance(path, S3File))
    except (OSError, ValueError) as error:
        raise BadData(f"{path} is not a Parquet file: {error}", "Was it copied whole?") from error


def count_roughly(path: Path) -> int:
    """About how many rows *path* has, from its size and its first lines; of Parquet, exactly. 0: nobody knows."""
    form, packed = form_of(path)
    if form == PARQUET:
        return int(parquet_file(path).metadata.num_rows)
    if form == WORKBOOK or packed:
        return 0
    with path.open("rb") as file:
        lines = file.read(SAMPLE_BYTES).splitlines(keepends=True)[1:]
    return int(path.stat().st_size * len(lines) / sum(map(len, lines))) if lines else 0
