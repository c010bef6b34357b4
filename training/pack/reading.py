"""A packed folder, read: what it holds, and the units of one shard at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from training.errors import BadData
from training.pack import layout
from training.pack.plan import TEST, TRAIN
from training.pack.shards import statistics_from
from training.prognostics.columns import Columns
from training.prognostics.read_log import Log
from training.prognostics.statistics import Statistics
from training.prognostics.windows import UnitLog
from training.workdir.checksum import sha256

AGAIN = "Pack the log again, into a new folder."


@dataclass(frozen=True)
class Life:
    """One life of a unit, and where its rows are."""

    unit: str
    machine: str
    split: str
    shard: str
    place: int
    """Which of the lives in its shard."""
    rows: int
    fails_at: float
    parts_fail_at: tuple[float, ...] = ()
    watched_until: float = np.nan


@dataclass(frozen=True)
class Pack:
    folder: Path
    columns: Columns
    files: tuple[str, ...]
    said: tuple[str, ...]
    parts: tuple[str, ...]
    """That are asked about each by itself."""
    lives: tuple[Life, ...]
    """Training units, then those under test, each in the order in which the files name them."""
    checksums: dict[str, str]
    _index: Any

    @property
    def checksum(self) -> str:
        """Of all that it holds: that of the shards' checksums."""
        return "sha256 " + hashlib.sha256(json.dumps(self.checksums, sort_keys=True).encode()).hexdigest()

    def logs(self, shard: str, *, times_only: bool = False) -> list[UnitLog]:
        """The units of *shard*, in its order; with *times_only* without their values.

        Raises BadData where the shard is damaged.
        """
        table = _read(self.folder / layout.SHARDS / shard, ["unit", "time"] if times_only else None)
        lives = sorted((life for life in self.lives if life.shard == shard), key=lambda life: life.place)
        ends = np.cumsum([life.rows for life in lives])
        if not len(ends) or ends[-1] != table.num_rows:
            raise BadData(f"{self.folder / layout.SHARDS / shard}: its rows are not those of the index", AGAIN)
        times = table.column("time").to_numpy()
        channels, conditions = (_matrix(table, kind) for kind in ("channel ", "condition "))
        cuts = [slice(end - life.rows, end) for life, end in zip(lives, ends, strict=True)]
        return [
            UnitLog(
                life.unit,
                times[here],
                channels[here],
                conditions[here],
                life.fails_at,
                life.machine,
                life.parts_fail_at,
                life.watched_until,
            )
            for life, here in zip(lives, cuts, strict=True)
        ]

    def whole(self) -> Log:
        """All of it in memory, as if the log had been read at once."""
        shards = {life.shard: self.logs(life.shard) for life in self.lives}
        split = {
            name: [shards[one.shard][one.place] for one in self.lives if one.split == name] for name in (TRAIN, TEST)
        }
        return Log(split[TRAIN], split[TEST], self.columns, list(self.said), self.parts)

    def statistics(self, lives: Sequence[Life]) -> Statistics:
        """Of those *lives*, in their order."""
        number = {(life.shard, life.place): n for n, life in enumerate(lives)}
        keys = zip(self._index.column("shard").to_pylist(), self._index.column("life").to_pylist(), strict=True)
        units = np.array([number.get(key, -1) for key in keys], dtype=np.int64)
        wanted = np.flatnonzero(units >= 0)
        return statistics_from(self._index.take(wanted), units[wanted])

    def check(self) -> None:
        """Raises BadData, naming it, where a file is not the one that was packed."""
        for name, expected in self.checksums.items():
            path = self.folder / layout.SHARDS / name
            if not path.exists() or sha256(path) != expected:
                raise BadData(f"{path} is damaged: it is not the file that was packed", AGAIN)


def is_packed(folder: Path) -> bool:
    """Whether *folder* is one that `pack` makes. Raises BadData where it is not done yet."""
    if (folder / layout.UNFINISHED).exists() and not (folder / layout.INDEX).exists():
        raise BadData(
            f"{folder} is not packed to its end", f"The same command goes on: python -m training pack TABLE {folder}"
        )
    return (folder / layout.INDEX).exists()


def open_pack(folder: Path) -> Pack:
    """Raises BadData where the index is damaged."""
    path = folder / layout.INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != layout.FORMAT:
            raise BadData(f"{folder} was packed by another version of this program", AGAIN)
        units = folder / layout.UNITS
        if sha256(units) != index["units"]:
            raise BadData(f"{units} is damaged: it is not the file that was packed", AGAIN)
        table = _read(units, None)
        return Pack(
            folder=folder,
            columns=Columns.from_json(index["columns"]),
            files=tuple(index["files"]),
            said=tuple(index["said"]),
            parts=tuple(index.get("parts", ())),
            lives=_lives(table),
            checksums=index["shards"],
            _index=table,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path} is damaged: {error}", AGAIN) from error


def _lives(table: Any) -> tuple[Life, ...]:
    """The first row of each life says all but its statistics."""
    names = ("unit", "machine", "split", "shard", "life", "rows", "fails_at")
    more = ("parts_fail_at", "watched_until") if "watched_until" in table.column_names else ()
    found: dict[tuple[str, int], Life] = {}
    for unit, machine, split, shard, place, rows, fails_at, *parts in zip(
        *(table.column(n).to_pylist() for n in (*names, *more)), strict=True
    ):
        parts_fail_at, watched_until = (tuple(parts[0]), parts[1]) if parts else ((), np.nan)
        life = Life(unit, machine, split, shard, place, rows, fails_at, parts_fail_at, watched_until)
        found.setdefault((shard, place), life)
    return tuple(found.values())


def _read(path: Path, columns: list[str] | None) -> Any:
    try:
        return parquet.read_table(path, columns=columns, use_threads=False, pre_buffer=False).combine_chunks()
    except (OSError, ValueError) as error:
        raise BadData(f"{path} cannot be read: {error}", AGAIN) from error


def _matrix(table: Any, kind: str) -> NDArray[np.float32]:
    names = [name for name in table.column_names if name.startswith(kind)]
    found = np.empty((table.num_rows, len(names)), dtype=np.float32)
    for place, name in enumerate(names):
        found[:, place] = table.column(name).to_numpy()
    return found
