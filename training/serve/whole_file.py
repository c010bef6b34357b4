"""A log that lies there whole, in whatever dialect it is written: read as training reads it, handed on as rows."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from training.prognostics import dialect as dialects
from training.prognostics.arrow_batches import read_batches
from training.prognostics.arrow_cells import as_text
from training.prognostics.cells import Cells
from training.prognostics.dialect import Dialect, find_dialect
from training.prognostics.log_schema import Columns, names_in
from training.prognostics.wrong_cells import require_names
from training.serve.rows import Table


def unusual_dialect(file: Path, columns: Columns) -> Dialect | None:
    """The dialect of *file*, where the reader of growing text (tail.py) would not understand it. Raises BadData."""
    if columns.header or not stat.S_ISREG(file.stat().st_mode) or not file.stat().st_size:
        return None
    dialect = find_dialect(file, columns, names_in(columns), given=frozenset())
    names_all = set(names_in(columns)) <= set(dialect.header)
    plain = dialect.form == dialects.TEXT_FILE and not (dialect.packed or dialect.above or dialect.below)
    readable = dialect.encoding in ("utf-8", "utf-8-sig") and dialect.separator == columns.separator
    return None if plain and (readable or not names_all) else dialect


def read_whole_file(file: Path, dialect: Dialect, columns: Columns) -> Iterator[Table]:
    """Raises BadData where a column is missing, or a line cannot be cut into cells."""
    names = names_in(columns)
    require_names(dialect.header, names, file, dialect.above + 1)
    number = 1 if dialect.form == dialects.PARQUET else dialect.first_row + 1
    for batch in read_batches(file, dialect, names, Cells(columns)):
        cells = [as_text(batch[name]).fill_null("").to_pylist() for name in names]
        rows = [list(row) for row in zip(*cells, strict=True)]
        yield names, rows, list(range(number, number + len(rows)))
        number += len(rows)
