"""Rows under the header that stands above them: a logger that begins anew may write its columns in another order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from training.prognostics.cells import trim
from training.prognostics.columns import Columns
from training.prognostics.layout import Cell
from training.prognostics.wrong_cells import names_columns
from training.serve.tail import Say

Cut = tuple[list[str], Sequence[Sequence[Cell]], list[int]]
"""(header, rows, line numbers)"""


def under_headers(cuts: Iterable[Cut], columns: Columns, *, file: str, say: Say) -> Iterator[Cut]:
    """*cuts* without lines that name the columns once more, which are said; rows behind one that names them otherwise
    stand under its names, as long as the log goes on.
    """
    named, header = list[str](), list[str]()
    for first, rows, lines in cuts:
        if first != named:  # the log is begun anew
            named, header = first, first
        begin = 0
        for place in _find_headers(rows, header, columns):
            texts = [trim(str(cell)) for cell in rows[place]]
            again = texts == [trim(name) for name in header]
            what = "the header again: left out" if again else f"names the columns anew: {', '.join(texts)}"
            say(f"{file} line {lines[place]}: {what}")
            if begin < place:
                yield header, rows[begin:place], lines[begin:place]
            header, begin = header if again else texts, place + 1
        if begin < len(rows):
            yield header, rows[begin:], lines[begin:]


def _find_headers(rows: Sequence[Sequence[Cell]], header: Sequence[str], columns: Columns) -> list[int]:
    """Which of *rows* they are. One name is looked for in all rows, the others where that stands."""
    name = next((name for name in (columns.time, *columns.channels) if name in header), "")
    forms = {f"{before}{name}" for before in ("", " ", "\ufeff")} if name else set[str]()
    return [
        place
        for place, row in enumerate(rows)
        if not forms.isdisjoint(row) and names_columns([str(cell) for cell in row], header)
    ]
