"""The lines that `predict` prints: CSV, a line for each row that was forecast.

Of many rows at once the lines are made by Arrow, whole columns at a time: a quarter of the time, and the same letters.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Final, TextIO

import numpy as np

from training.prognostics.preparation import Preparation
from training.serve.forecaster import Forecast
from training.serve.recurrent import Array

BEHIND: Final = ("life", "rows", "missing", "outside", "low", "high")
"""What stands behind the probabilities."""

MANY: Final = 256
"""Rows; for fewer Arrow is not worth its start, and a small computer that follows a log need not have it."""

SPECIAL: Final = '[",\r\n]'
"""Letters that a cell cannot hold without quotation marks; such names are rare, and go one by one."""


def header_of(prepared: Preparation) -> tuple[str, ...]:
    """The names of the columns: a probability for each horizon and part that the run was asked about."""
    return ("unit", "time", *prepared.questions.columns(), *BEHIND)


def write_header(out: TextIO, prepared: Preparation) -> None:
    csv.writer(out, lineterminator="\n").writerow(header_of(prepared))
    out.flush()


def write_lines(out: TextIO, units: Sequence[str], times: Sequence[str], said: Forecast) -> None:
    """Of rows of *units*, at *times* as their log has them. Without a channel measured of late there is no forecast:
    these cells stay empty, as do the ends of the interval where none is promised.
    """
    text = _columns_as_text(units, times, said) if len(units) >= MANY and find_spec("pyarrow") else None
    if text is not None:
        out.write(text)
    else:
        rows = ((unit, moment, *answer) for unit, moment, answer in zip(units, times, _answers(said), strict=True))
        csv.writer(out, lineterminator="\n").writerows(rows)
    out.flush()


def _answers(said: Forecast) -> Iterator[tuple[str | int, ...]]:
    chances = np.column_stack([said.probability, said.others]).tolist()
    numbers = zip(chances, said.life.tolist(), said.low.tolist(), said.high.tolist(), strict=True)
    marks = zip(said.rows.tolist(), said.missing.tolist(), said.outside.tolist(), strict=True)
    promised = not np.isnan(said.low).any()
    for (told, life, low, high), counts, known in zip(numbers, marks, said.known.tolist(), strict=True):
        ends = (f"{low:.1f}", f"{high:.1f}") if known and promised else ("", "")
        words = (*(f"{p:.4f}" for p in told), f"{life:.1f}")
        yield (*(words if known else [""] * len(words)), *counts, *ends)


def _columns_as_text(units: Sequence[str], times: Sequence[str], said: Forecast) -> str | None:
    """All lines in one piece; None where a cell wants quotation marks."""
    import pyarrow as pa
    import pyarrow.compute as compute

    named = [pa.array(units, pa.string()), pa.array(times, pa.string())]
    if any(compute.any(compute.match_substring_regex(column, SPECIAL)).as_py() for column in named):
        return None
    silent = pa.array(~said.known)
    endless = silent if not np.isnan(said.low).any() else pa.array(np.ones(len(units), dtype=np.bool_))
    columns = [
        *named,
        *(_as_decimals(numbers, 4, silent) for numbers in (said.probability, *said.others.T)),
        _as_decimals(said.life, 1, silent),
        *(pa.array(counts).cast(pa.string()) for counts in (said.rows, said.missing, said.outside)),
        *(_as_decimals(numbers, 1, endless) for numbers in (said.low, said.high)),
    ]
    lines = compute.binary_join_element_wise(*columns, ",")
    return "\n".join([*lines.to_pylist(), ""])


def _as_decimals(numbers: Array, places: int, gone: Any) -> Any:
    """As f"{number:.4f}" writes them, for four *places*; empty where *gone*."""
    import pyarrow as pa
    import pyarrow.compute as compute

    whole = np.where(np.isnan(numbers), 0.0, numbers).astype(np.float64)
    return compute.if_else(gone, "", pa.array(whole).cast(pa.decimal128(18, places), safe=False).cast(pa.string()))
