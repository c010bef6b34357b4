"""First pass: the rows of some files dealt out by unit, so that each unit's rows lie together, in a bucket.

A unit's bucket is the checksum of its name, modulo how many there are. A bucket's rows stand in the order of the files.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.pack import layout
from training.pack.plan import Task
from training.prognostics.columns import Columns
from training.prognostics.dialect import Dialect
from training.prognostics.log_schema import Description
from training.prognostics.measurements import log_pieces
from training.prognostics.table import Met, Table
from training.prognostics.unit_logs import marks_of
from training.prognostics.wrong_cells import Clock

ROWS_AT_ONCE: Final = 1 << 18
TOLD: Final = "told.json"
FIXED: Final = ("file", "at", "unit", "time", "mark")


def deal_out(
    task: Task,
    into: Path,
    buckets: int,
    description: Description,
    files: Sequence[Path],
    dialects: Mapping[Path, Dialect],
    columns: Mapping[Path, Columns],
) -> None:
    """Make the folder *into*: a file of rows for each bucket, and what the rows' codes mean.

    Raises BadData, naming file and line, where a cell is wrong.
    """

    def fill(folder: Path) -> None:
        met, clock, again = Met(), Clock(), dict[str, int]()
        writers: dict[int, Any] = {}
        bucket_of = _BucketOf(buckets)
        try:
            for batch in _batches(task, description, files, dialects, columns, met, clock, again):
                _write(batch, bucket_of.units(met, batch), folder, writers)
        finally:
            for writer in writers.values():
                writer.close()
        told = {"units": list(met.units.known), "texts": {name: list(words.known) for name, words in met.texts.items()}}
        layout.put_json(folder / TOLD, {**told, "clock": clock.first, "headers again": again})

    layout.put_folder(into, fill)


class _BucketOf:
    """Bucket of each unit, computed once."""

    def __init__(self, buckets: int) -> None:
        self._buckets = buckets
        self._known: list[int] = []

    def units(self, met: Met, batch: Any) -> NDArray[np.int64]:
        names = list(met.units.known)[len(self._known) :]
        self._known += [zlib.crc32(name.encode("utf-8", "surrogatepass")) % self._buckets for name in names]
        found: NDArray[np.int64] = np.array(self._known, dtype=np.int64)[batch.column("unit").to_numpy()]
        return found


def _batches(
    task: Task,
    description: Description,
    files: Sequence[Path],
    dialects: Mapping[Path, Dialect],
    columns: Mapping[Path, Columns],
    met: Met,
    clock: Clock,
    again: dict[str, int],
) -> Iterator[Any]:
    """Rows of the task's files, ROWS_AT_ONCE of them or more; *again* is told how often each has its header again."""
    held: list[Any] = []
    for number in task.files:
        file = files[number]
        for piece in log_pieces(file, dialects[file], columns[file], clock, marks_of(description), met):
            held.append(_as_batch(piece, number))
            again[file.name] = piece.headers_again
            if sum(map(len, held)) >= ROWS_AT_ONCE:
                yield pa.Table.from_batches(held).combine_chunks().to_batches()[0]
                held.clear()
    if held:
        yield pa.Table.from_batches(held).combine_chunks().to_batches()[0]


def _as_batch(piece: Table, number: int) -> Any:
    rows = len(piece)
    fixed = (np.full(rows, number, dtype=np.int32), piece.at, piece.units, piece.times, piece.marks)
    parts = {**dict(zip(FIXED, fixed, strict=True)), **{f"value:{name}": part for name, part in piece.values.items()}}
    return pa.RecordBatch.from_arrays([pa.array(part) for part in parts.values()], names=list(parts))


def _write(batch: Any, buckets: NDArray[np.int64], folder: Path, writers: dict[int, Any]) -> None:
    order = np.argsort(buckets, kind="stable")
    sorted_batch, numbers = batch.take(pa.array(order)), buckets[order]
    present, begins = np.unique(numbers, return_index=True)
    for bucket, begin, end in zip(present.tolist(), begins, [*begins[1:], len(numbers)], strict=True):
        if bucket not in writers:
            writers[bucket] = pa.ipc.new_file(str(folder / f"{bucket:03}.arrow"), batch.schema)
        writers[bucket].write_batch(sorted_batch.slice(begin, end - begin))


def read_bucket(
    folders: Sequence[Path],
    bucket: int,
    files: Sequence[Path],
    dialects: Mapping[Path, Dialect],
    columns: Mapping[Path, Columns],
) -> Iterator[tuple[int, Table]]:
    """The rows of *bucket* in all tasks' *folders*: of each file a table, and which of *files* it is."""
    for folder in folders:
        part = folder / f"{bucket:03}.arrow"
        if part.exists():
            told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
            with pa.memory_map(str(part)) as content:
                rows = pa.ipc.open_file(content).read_all()
                yield from _tables(rows, told, files, dialects, columns)


def _tables(
    rows: Any,
    told: Mapping[str, Any],
    files: Sequence[Path],
    dialects: Mapping[Path, Dialect],
    columns: Mapping[Path, Columns],
) -> Iterator[tuple[int, Table]]:
    numbers = rows.column("file").to_numpy()
    present, begins = np.unique(numbers, return_index=True)
    for number, begin, end in zip(present.tolist(), begins, [*begins[1:], len(numbers)], strict=True):
        part = rows.slice(begin, end - begin)
        column = {name: part.column(name).to_numpy().copy() for name in part.column_names}
        names, units = _present(column["unit"], told["units"])
        file = files[number]
        yield (
            number,
            Table(
                file=file,
                dialect=dialects[file],
                columns=columns[file],
                names=names,
                units=units,
                times=column["time"],
                values={n.removeprefix("value:"): values for n, values in column.items() if n.startswith("value:")},
                texts=told["texts"],
                marks=column["mark"],
                at=column["at"],
            ),
        )


def _present(codes: NDArray[np.int32], names: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
    """The units that occur, in the order in which they appear, and which of them each row is of."""
    found, first, place = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return [names[found[at]] for at in order], rank[place.ravel()]
