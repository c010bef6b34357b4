"""Arrow columns to numbers, all rows at once; None where a cell must be looked at by itself (cells.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.prognostics.cells import TRUTH, Cells
from training.prognostics.columns import Columns

Floats = NDArray[np.float64]


def as_text(column: Any) -> Any:
    import pyarrow as pa

    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def repeat_words(words: Mapping[str, str], rows: int) -> dict[str, Any]:
    """Columns of text that hold one word in all *rows*. Made of their bytes: Arrow's own `repeat` imports pandas."""
    import pyarrow as pa

    found = {}
    for name, word in words.items():
        content = word.encode()
        ends = np.arange(rows + 1, dtype=np.int32) * np.int32(len(content))
        found[name] = pa.StringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(content * rows))
    return found


def rows_of_names(columns: Mapping[str, Any]) -> NDArray[np.bool_] | None:
    """(rows,) which rows hold in each of *columns* its own name; None where none does, as nearly always."""
    import pyarrow as pa
    import pyarrow.compute as compute

    found = None
    for name, column in reversed(list(columns.items())):  # the last ones are numbers, where a name is soon told apart
        if not pa.types.is_string(column.type) or not compute.any(compute.match_substring(column, name)).as_py():
            return None
        here = compute.equal(compute.utf8_trim(column, ' \t\ufeff"'), name)
        found = here if found is None else compute.and_(found, here)
    return None if found is None or not compute.any(found).as_py() else np.array(found.fill_null(False).to_pylist())


def encode(column: Any) -> tuple[NDArray[np.int32], list[str]]:
    """(rows,) which of the words each row holds, and the words; a missing cell holds the one behind the last."""
    encoded = as_text(column).dictionary_encode()
    words = encoded.dictionary.to_pylist()
    codes, known = _in_numpy(encoded.indices, np.dtype(np.int32))
    return (codes.copy() if known is None else np.where(known, codes, np.int32(len(words)))), words


def _in_numpy(column: Any, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The numbers of *column* where Arrow holds them, and which are known; None: all. Arrow's own to_numpy imports
    pandas, for half a second.
    """
    bitmap, content = column.buffers()
    here = slice(column.offset, column.offset + len(column))
    numbers = np.frombuffer(content, dtype=dtype, count=here.stop)[here]
    if not column.null_count:
        return numbers, None
    return numbers, np.unpackbits(np.frombuffer(bitmap, dtype=np.uint8), bitorder="little")[here].astype(np.bool_)


def _with_gaps(column: Any, dtype: np.dtype[Any]) -> Floats:
    """The numbers of *column* as float64, NaN where it has none; those of Arrow itself, not to be written, where they
    are whole.
    """
    numbers, known = _in_numpy(column, dtype)
    found = numbers.astype(np.float64, copy=known is not None)
    if known is not None:
        found[~known] = np.nan
    return found


def word_in(column: Any, row: int) -> str:
    return str(column[row].as_py())


def as_floats(column: Any, cells: Cells, kind: str) -> Floats | None:
    """The numbers of *column*, NaN where null; None where one of its cells is no plain number."""
    import pyarrow as pa
    import pyarrow.compute as compute

    if pa.types.is_string(column.type):
        if kind == TRUTH:
            return None
        if kind:
            column = compute.utf8_rtrim_whitespace(compute.replace_substring_regex(column, f"{_quote(kind)}\\s*$", ""))
        column = _with_points(column, cells.columns)
        if column is None:
            return None
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    elif not (
        pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
    ):
        return None if not pa.types.is_null(column.type) else np.full(len(column), np.nan)
    try:
        found = _with_gaps(column.cast(pa.float64(), safe=False), np.dtype(np.float64))
    except pa.ArrowInvalid:
        return None
    # Arrow takes nan(...) for a number, whatever stands between the brackets.
    strange = pa.types.is_string(column.type) and np.isnan(found).sum() > column.null_count
    return None if strange else found


def _quote(unit: str) -> str:
    return "".join(f"\\x{{{ord(letter):x}}}" for letter in unit)


def _with_points(column: Any, columns: Columns) -> Any:
    """Text with decimal points and no thousands; None where that is not plain to see."""
    import pyarrow.compute as compute

    if columns.thousands:
        return None
    if columns.decimal == ".":
        return column
    if compute.any(compute.match_substring(column, ".")).as_py():
        return None
    return compute.replace_substring(column, columns.decimal, ".")


def as_stamps(column: Any) -> Any | None:
    """Dates as Arrow reads them: all with their zone, or none; None where it cannot."""
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return None
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None


def microseconds(stamps: Any) -> Floats:
    import pyarrow as pa

    zone = stamps.type.tz if pa.types.is_timestamp(stamps.type) else None
    whole = stamps.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
    return _with_gaps(whole, np.dtype(np.int64))
