"""Workbooks: the rows of one of their sheets, as the program that saved them shows them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from training.errors import BadData
from training.prognostics.s3_files import as_file

INSTALL_XLSX: Final = "pip install openpyxl, or save the sheet as CSV"
MOST_SHEETS: Final = 50
LOOKED_AT: Final = 1_000
"""Rows in which formulas without a result are looked for: who saved one so saved all of them so."""


def list_sheets(path: Path) -> list[str]:
    """The names of its sheets. Raises BadData."""
    names = [sheet.title for sheet in _open(path).worksheets]
    if len(names) > MOST_SHEETS:
        raise BadData(f"{path} has {len(names)} sheets", "Save those that belong to the log as files of their own.")
    return names


def sheet_rows(path: Path, sheet: str) -> Iterator[tuple[list[str], int]]:
    """The rows of *sheet*, or of the first one where it is empty, each with its number. Raises BadData."""
    for number, row in enumerate(_rows(path, sheet, results=True), start=1):
        if any(cell is not None for cell in row):
            yield ["" if cell is None else str(cell) for cell in row], number


def refuse_unsaved_results(path: Path, sheet: str, names: Sequence[str], header: int, wanted: Sequence[str]) -> None:
    """Raises BadData where a cell of a *wanted* column is a formula whose result was never saved, as programs that do
    not calculate leave it: it would be taken for not measured. *header* is the number of the row of *names*.
    """
    both = zip(_rows(path, sheet, results=True), _rows(path, sheet, results=False), strict=False)
    for number, (results, formulas) in islice(enumerate(both, start=1), header, header + LOOKED_AT):
        for name, result, formula in zip(names, results, formulas, strict=False):
            if name in wanted and result is None and isinstance(formula, str) and formula.startswith("="):
                raise BadData(
                    f"{path} line {number}: {name}: '{formula}' is a formula whose result is not saved",
                    "Open the workbook in Excel or LibreOffice, which calculates it, and save it; or save it as CSV.",
                )


def _rows(path: Path, sheet: str, *, results: bool) -> Iterator[tuple[Any, ...]]:
    book = _open(path, results=results)
    found: Iterator[tuple[Any, ...]] = (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)
    return found


def _open(path: Path, *, results: bool = True) -> Any:
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise BadData(f"{path} is a workbook, and openpyxl is not installed", INSTALL_XLSX) from error
    try:
        return openpyxl.load_workbook(as_file(path), read_only=True, data_only=results)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadData(f"{path} is not a workbook: {error}", "Was it copied whole?") from error
