"""Second pass: a bucket's rows put in order, unit by unit, and written as one shard; beside it, what its units show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from training.pack import layout
from training.prognostics.columns import Columns
from training.prognostics.log_schema import Description
from training.prognostics.statistics import Statistics, statistics_of
from training.prognostics.table import Table
from training.prognostics.unit_logs import Failed, logs_of
from training.prognostics.windows import UnitLog

SPREAD: tuple[str, ...] = ("known", "mean", "squares", "low", "high")


def make_shard(
    shard: Path,
    told: Path,
    tables: Iterable[tuple[int, Table]],
    description: Description,
    columns: Columns,
    failed: Failed | None,
) -> None:
    """Write *shard*, and *told*: a row for each life of its units, in the order of the shard.

    Raises BadData, naming file and line, where time does not rise, or a failure cannot be.
    """
    numbered = list(tables)
    if not numbered:
        layout.put(told, lambda half: parquet.write_table(pa.table({}), half))
        return
    units = logs_of([table for _, table in numbered], description, columns, failed)
    if not units.logs:  # none has a whole step
        layout.put(told, lambda half: parquet.write_table(_told_of(pa.table({}), units.said), half))
        return
    layout.put(shard, lambda half: write_rows(half, units.logs, columns))
    first = _first_rows(numbered)
    layout.put(told, lambda half: parquet.write_table(_index(units.logs, first, units.said), half))


def write_rows(path: Path, logs: list[UnitLog], columns: Columns) -> None:
    """Plain Parquet that any program can read: a column for each channel and condition, the units by name."""
    counts = [len(log.times) for log in logs]
    names = pa.DictionaryArray.from_arrays(
        pa.array(np.repeat(np.arange(len(logs), dtype=np.int32), counts)), pa.array([log.unit for log in logs])
    )
    parts = {"unit": names, "time": np.concatenate([log.times for log in logs])}
    for place, name in enumerate(columns.features):
        parts[f"channel {name}"] = np.concatenate([log.values[:, place] for log in logs])
    for place, name in enumerate(columns.conditions):
        parts[f"condition {name}"] = np.concatenate([log.conditions[:, place] for log in logs])
    parquet.write_table(pa.table(parts), path, compression="zstd", use_dictionary=["unit"])


def _first_rows(numbered: list[tuple[int, Table]]) -> dict[str, tuple[int, int]]:
    """Where each machine first appears: in which file, in which of its rows."""
    found: dict[str, tuple[int, int]] = {}
    for number, table in numbered:
        _, first = np.unique(table.units, return_index=True)
        for place, row in enumerate(first.tolist()):
            found.setdefault(table.names[place], (number, table.row(row)))
    return found


def _index(logs: list[UnitLog], first: Mapping[str, tuple[int, int]], said: list[str]) -> Any:
    """One row for each life and condition; `life` counts the lives of the shard."""
    found = statistics_of(logs)
    life = found.units
    machines = [log.machine or log.unit for log in logs]
    parts: dict[str, Any] = {
        "life": life,
        "unit": [logs[n].unit for n in life],
        "machine": [machines[n] for n in life],
        "file": np.array([first[machines[n]][0] for n in life], dtype=np.int64),
        "row": np.array([first[machines[n]][1] for n in life], dtype=np.int64),
        "rows": np.array([len(logs[n].times) for n in life], dtype=np.int64),
        "fails_at": np.array([logs[n].fails_at for n in life], dtype=np.float64),
        **_parts_of(logs, life),
        "here": found.rows,
        "conditions": _lists(found.conditions),
        **{name: _lists(getattr(found, name)) for name in SPREAD},
    }
    return _told_of(pa.table(parts), said)


def _parts_of(logs: list[UnitLog], life: NDArray[np.int64]) -> dict[str, Any]:
    """Nothing where no part is asked about by itself."""
    if not logs[0].parts_fail_at:
        return {}
    return {
        "parts_fail_at": _lists(np.array([logs[n].parts_fail_at for n in life], dtype=np.float64)),
        "watched_until": np.array([logs[n].watched_until for n in life], dtype=np.float64),
    }


def _told_of(table: Any, said: list[str]) -> Any:
    return table.replace_schema_metadata({"said": "\n".join(said)})


def _lists(part: NDArray[Any]) -> Any:
    width = part.shape[1]
    return pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), width) if width else pa.nulls(len(part))


def statistics_from(table: Any, units: NDArray[np.int64]) -> Statistics:
    """The statistics in rows of an index; *units* says for each row which unit it is of."""
    return Statistics(
        units=units,
        conditions=_array(table, "conditions"),
        rows=table.column("here").to_numpy(),
        **{name: _array(table, name) for name in SPREAD},
    )


def _array(table: Any, name: str) -> NDArray[Any]:
    column = table.column(name).combine_chunks()
    if pa.types.is_null(column.type):
        return np.zeros((len(column), 0))
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat.reshape(len(column), -1))
