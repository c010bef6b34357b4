"""How one file of a log is written: packed or not, in which encoding, cells apart by what, header in which line.

Found once per file, from its first lines, by the names that the description asks for: the line that holds them all is
the header, and what divides it there is the separator.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from training.errors import BadData
from training.prognostics import s3_files
from training.prognostics.cells import MISSING
from training.prognostics.log_schema import Columns
from training.prognostics.s3_files import S3File

SAMPLE_BYTES: Final = 1 << 18
LATER_BYTES: Final = 1 << 15
HEADER_WITHIN: Final = 60
"""The header is looked for in so many lines."""
SEPARATORS: Final = (",", ";", "\t", "|")
UNIT_LINES: Final = 3
"""At most so many lines below the names hold units of measurement and the like."""
INSTALL_XLSX: Final = "pip install openpyxl, or save the sheet as CSV"

_PACKED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}
_MARKS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
ENCRYPTED: Final = 1
"""A flag of a file in a zip archive. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.4"""
PARQUET, WORKBOOK, TEXT_FILE = "Parquet", "workbook", "text"


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

    @property
    def first_row(self) -> int:
        """How many lines stand before the first row."""
        return self.above + 1 + self.below

    def describe(self) -> list[str]:
        """What is unusual about it, in words."""
        names = {"\t": "tabs", ";": "semicolons", "|": "upright strokes"}
        return [
            *([f"packed with {self.packed}"] if self.packed else []),
            *(["a workbook, its first sheet"] if self.form == WORKBOOK else []),
            *([f"{self.encoding} text"] if self.encoding not in ("utf-8", "utf-8-sig") else []),
            *([f"cells apart by {names.get(self.separator, self.separator)}"] if self.separator != "," else []),
            *([f"{self.above} lines above the names left out"] if self.above else []),
            *([f"{self.below} lines of units below the names left out"] if self.below else []),
            *(["a last cell without a name left out"] if self.header and not self.header[-1] else []),
        ]


def find_dialect(path: Path, columns: Columns, wanted: Sequence[str], *, given: frozenset[str]) -> Dialect:
    """The dialect of *path*, whose header should name all of *wanted*; *given* are the keys the description says.

    Raises BadData where it is empty, or no log at all.
    """
    form, packed = _form(path)
    if form == PARQUET:
        return Dialect(form=PARQUET, header=tuple(parquet_file(path).schema_arrow.names))
    start = Dialect(form=form, packed=packed)
    if form == TEXT_FILE:
        start = replace(start, encoding=_encoding(path, start))
    separators = (columns.separator,) if "separator" in given else SEPARATORS
    return _with_header(path, start, separators, columns, wanted)


def _form(path: Path) -> tuple[str, str]:
    try:
        with s3_files.reading(path), path.open("rb") as file:
            first = file.read(4)
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}", f"ls -l {path} shows who may") from error
    if first == b"PAR1" or path.suffix == ".parquet":
        return PARQUET, ""
    if first == b"PK\x03\x04":
        return (WORKBOOK, "") if path.suffix.lower() in (".xlsx", ".xlsm") else (TEXT_FILE, "zip")
    return TEXT_FILE, next((name for mark, name in _PACKED.items() if first.startswith(mark)), "")


def _encoding(path: Path, dialect: Dialect) -> str:
    with reading(path), open_bytes(path, dialect) as file:
        sample = file.read(SAMPLE_BYTES)
    marked = next((name for mark, name in _MARKS.items() if sample.startswith(mark)), "")
    if marked:
        return marked
    nulls = sample[:1000].count(b"\0")
    if nulls > len(sample[:1000]) // 4:
        return "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
    if nulls:
        raise BadData(
            f"{path} is not text: it holds zero bytes",
            "Save it as CSV UTF-8.\nWhere a logger's power was cut while it wrote: tr -d '\\000' < FILE > CLEAN",
        )
    return "utf-8" if _is_utf8(sample) else "cp1252"


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return len(sample) - error.start < 4 <= SAMPLE_BYTES <= len(sample)  # cut within a letter
    return True


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


def _here(path: Path) -> Any:
    """What a library takes for a file: the path, or of one in a bucket its opened bytes."""
    return path.open("rb") if isinstance(path, S3File) else path


def _only_member(path: Path) -> Any:
    try:
        archive = zipfile.ZipFile(_here(path))
    except (OSError, zipfile.BadZipFile) as error:
        raise BadData(f"{path} cannot be unpacked: {error}", "Is it damaged, or copied in part?") from error
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX")]
    if len(members) != 1:
        raise BadData(f"{path} holds {len(members)} files", "Pack each log by itself, or unpack them into a folder.")
    if members[0].flag_bits & ENCRYPTED:
        raise BadData(f"{path} is locked with a password", "Unpack it first.")
    return archive.open(members[0])


def text_lines(path: Path, dialect: Dialect) -> Iterator[str]:
    """The lines of *path* with their ends; what cannot be decoded is shown as such."""
    with reading(path), open_bytes(path, dialect) as file:
        yield from io.TextIOWrapper(file, encoding=dialect.encoding, errors="replace", newline="")


def cells_by_hand(path: Path, dialect: Dialect) -> Iterator[tuple[list[str], int]]:
    """Each row with the number of its line, by Python's own reader: slow, and forgiving. Blank lines are left out.

    Raises BadData where a line cannot be cut into cells.
    """
    if dialect.form == WORKBOOK:
        yield from _sheet(path)
        return
    reader = csv.reader(text_lines(path, dialect), delimiter=dialect.separator)
    try:
        for row in reader:
            if row:
                yield row, reader.line_num
    except csv.Error as error:
        raise BadData(
            f"{path} line {reader.line_num}: {error}",
            "Is a quotation mark left open there? Fix it, and save it as CSV UTF-8.",
        ) from error


def _sheet(path: Path) -> Iterator[tuple[list[str], int]]:
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise BadData(f"{path} is a workbook, and openpyxl is not installed", INSTALL_XLSX) from error
    try:
        sheet = openpyxl.load_workbook(_here(path), read_only=True, data_only=True).worksheets[0]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadData(f"{path} is not a workbook: {error}", "Was it copied whole?") from error
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        if any(cell is not None for cell in row):
            yield ["" if cell is None else str(cell) for cell in row], number


def _with_header(
    path: Path, start: Dialect, separators: Sequence[str], columns: Columns, wanted: Sequence[str]
) -> Dialect:
    """*start* with the header that names most of *wanted*; of two such the first."""
    found, most = None, -1
    for separator in separators:
        dialect = replace(start, separator=separator)
        for row, line in _first_rows(path, dialect):
            names = [name.strip() for name in row]
            here = len(set(wanted) & set(_without_mark(names)))
            if here > most:
                found, most = replace(dialect, header=tuple(_without_mark(names)), above=line - 1), here
    if found is None or not any(found.header):
        raise BadData(f"{path} is empty", "The first line must name the columns.")
    if most < len(set(wanted)) and most <= 1:  # nothing like a header: the first line is what a message speaks of
        found = replace(found, above=0, header=found.header if not found.above else _first_header(path, found))
    return _fit_rows(path, found, columns)


def _first_header(path: Path, dialect: Dialect) -> tuple[str, ...]:
    row, _ = next(iter(_first_rows(path, dialect)))
    return tuple(name.strip() for name in row)


def _without_mark(names: list[str]) -> list[str]:
    """ "# unit" is the name unit: some loggers write the names as a comment."""
    return [names[0].lstrip("#% ").strip() or names[0], *names[1:]] if names and names[0][:1] in ("#", "%") else names


def _first_rows(path: Path, dialect: Dialect, most: int = HEADER_WITHIN) -> list[tuple[list[str], int]]:
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
    rows = _first_rows(path, dialect, most + HEADER_WITHIN)
    first = [row for row, line in rows if line > dialect.first_row]
    plain = dialect.form == TEXT_FILE and not dialect.packed and not dialect.encoding.startswith("utf-16")
    return [*first, *_later_rows(path, dialect, most)] if plain and len(first) >= most else first


def _later_rows(path: Path, dialect: Dialect, most: int) -> list[list[str]]:
    size, found = path.stat().st_size, []
    with path.open("rb") as file:
        for place in (size // 2, max(size - LATER_BYTES, size // 2)):
            file.seek(place)
            lines = file.read(LATER_BYTES).decode(dialect.encoding, errors="replace").splitlines()[1:-1][-most:]
            found += [row for line in lines for row in csv.reader([line], delimiter=dialect.separator)]
    return [row for row in found if len(row) == len(dialect.header)]


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
        if width < named and not any(dialect.header[width:]):
            return replace(dialect, header=dialect.header[:width])
    return dialect


def _count_unit_lines(rows: Sequence[Sequence[str]], header: Sequence[str], columns: Columns) -> int:
    """How many of *rows* are no rows of the log, but units or words below the names: no number in a channel, and no
    time, while the row after them has one.
    """
    if columns.time not in header:
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
    return word.strip().lower() not in MISSING and word.strip().lstrip("+-.")[:1].isdigit()


@lru_cache(maxsize=64)
def _parquet_metadata(path: Path, changed_ns: int, size: int) -> Any:
    """Of a file as it is now; a look, a survey and a reading ask for it, and it can be long."""
    from pyarrow import parquet

    return parquet.read_metadata(_here(path))


def parquet_file(path: Path) -> Any:
    from pyarrow import parquet

    try:
        about = path.stat()
        return parquet.ParquetFile(_here(path), metadata=_parquet_metadata(path, about.st_mtime_ns, about.st_size))
    except (OSError, ValueError) as error:
        raise BadData(f"{path} is not a Parquet file: {error}", "Was it copied whole?") from error


def count_roughly(path: Path) -> int:
    """About how many rows *path* has, from its size and its first lines; of Parquet, exactly. 0: nobody knows."""
    form, packed = _form(path)
    if form == PARQUET:
        return int(parquet_file(path).metadata.num_rows)
    if form == WORKBOOK or packed:
        return 0
    with path.open("rb") as file:
        lines = file.read(SAMPLE_BYTES).splitlines(keepends=True)[1:]
    return int(path.stat().st_size * len(lines) / sum(map(len, lines))) if lines else 0
