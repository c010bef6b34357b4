"""When a file of a log begins: units may be spread over files, and apr.csv comes before mar.csv by its name alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training.errors import BadData
from training.prognostics import dialect as dialects
from training.prognostics.arrow_batches import first_rows
from training.prognostics.arrow_cells import as_text
from training.prognostics.cells import Cells
from training.prognostics.columns import Columns
from training.prognostics.dates import join_time
from training.prognostics.dialect import Dialect, sample_rows
from training.prognostics.log_keys import TIME_OF_DAY
from training.serve.whole_file import in_its_style, whole_dialect

BEGINS = 0.0
"""Where nothing tells; what is wrong is said where the file is read."""


def first_time(file: Path, columns: Columns) -> float:
    """The earliest time among the first rows of *file*, and the last ones of a text: the newest may stand first."""
    if columns.dates == TIME_OF_DAY:
        return BEGINS
    try:
        dialect = whole_dialect(file, columns)
        if dialect is None or not {*columns.timed_by} <= {*dialect.header}:
            return BEGINS
        cells = Cells(in_its_style(file, dialect, columns))
        return min(_moments(cells, _times(file, dialect, columns)), default=BEGINS)
    except (BadData, OSError):
        return BEGINS


def _times(file: Path, dialect: Dialect, columns: Columns) -> Iterator[str]:
    if dialect.form == dialects.PARQUET:
        some = first_rows(file, columns.timed_by, 1)
        parts = [as_text(some[name]).fill_null("").to_pylist() for name in some]
        yield from map(join_time, zip(*parts, strict=True))
        return
    places = [dialect.header.index(name) for name in columns.timed_by]
    for row in sample_rows(file, dialect):
        if len(row) > max(places):
            yield join_time([row[place] for place in places])


def _moments(cells: Cells, words: Iterator[str]) -> Iterator[float]:
    for word in filter(None, words):
        try:
            moment = cells.moment(word)
        except ValueError:
            continue
        if moment == moment:  # not missing
            yield moment
