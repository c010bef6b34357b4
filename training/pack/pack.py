"""Packing told once: survey, deal out, shard, index. What is done is skipped, so a program that was killed goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa
from pyarrow import parquet

from training.console import Console
from training.errors import BadData
from training.pack import layout
from training.pack.buckets import TOLD, deal_out, read_bucket
from training.pack.plan import TRAIN, Plan, Task, begin, plan_for, splits_of
from training.pack.shards import make_shard
from training.prognostics.columns import Columns
from training.prognostics.failures import read_failures
from training.prognostics.log_schema import Description
from training.prognostics.names_of_units import say_alike, say_failures
from training.prognostics.read_log import require_some_words, require_tags, say_headers_again
from training.prognostics.resampling import refuse_no_step
from training.prognostics.survey import Survey, survey
from training.prognostics.unit_logs import Faults
from training.prognostics.wrong_cells import SAME_KIND
from training.workdir.checksum import sha256

Run = Callable[[Sequence["Part"], Callable[[int], None]], None]
"""Does every part of a list, in any order, and says how many are done. Raises the BadData of those that fail."""


@dataclass(frozen=True)
class Packing:
    """All that both passes need; it travels to other processes."""

    folder: Path
    description: Description
    described: str
    plan: Plan
    seen: Survey

    @property
    def unfinished(self) -> Path:
        return self.folder / layout.UNFINISHED

    def dealt(self, task: Task) -> Path:
        return self.unfinished / "buckets" / task.name

    def names(self) -> list[tuple[str, int]]:
        """(split, bucket) of all shards, in order."""
        return [(split, bucket) for split, count in self.plan.buckets.items() for bucket in range(count)]

    def shard(self, split: str, bucket: int) -> Path:
        return self.folder / layout.SHARDS / f"{split}-{bucket:03}.parquet"

    def index_file(self, split: str, bucket: int) -> Path:
        return self.unfinished / "index" / f"{split}-{bucket:03}.parquet"

    def elsewhere(self, folder: Path, described: Description) -> Packing:
        """The same on another machine, whose own *described* names the same files, and which works in *folder*."""
        ours, theirs = self.description, replace(described, columns=self.description.columns)
        place = dict(zip((*ours.files, *ours.test), (*theirs.files, *theirs.test), strict=True))
        seen = replace(
            self.seen,
            dialects={place[file]: one for file, one in self.seen.dialects.items()},
            by_file={place[file]: one for file, one in self.seen.by_file.items()},
        )
        return replace(self, folder=folder, description=theirs, seen=seen)


class Part(Protocol):
    """What one process does at a time. It reads *reads* of its packing's folder, and the log; what it *makes* there is
    whole or not there."""

    __dataclass_fields__: ClassVar[dict[str, Any]]  # a dataclass: another machine runs it with a packing of its own

    @property
    def packing(self) -> Packing: ...
    def __call__(self) -> None: ...
    def reads(self) -> list[Path]: ...
    def makes(self) -> list[Path]: ...


@dataclass(frozen=True)
class DealOut:
    """First pass, of one task."""

    packing: Packing
    task: Task

    def __call__(self) -> None:
        packing, task, seen = self.packing, self.task, self.packing.seen
        files, buckets = splits_of(packing.description)[task.split], packing.plan.buckets[task.split]
        deal_out(task, packing.dealt(task), buckets, packing.description, files, seen.dialects, seen.by_file)

    def reads(self) -> list[Path]:
        return []

    def makes(self) -> list[Path]:
        return [self.packing.dealt(self.task)]


@dataclass(frozen=True)
class MakeShard:
    """Second pass, of one bucket."""

    packing: Packing
    columns: Columns
    split: str
    bucket: int

    def __call__(self) -> None:
        packing, seen = self.packing, self.packing.seen
        description, apart = packing.description, packing.description.failures
        failed = read_failures(description, apart, log=seen) if apart else None
        tables = read_bucket(
            self._dealt(), self.bucket, splits_of(description)[self.split], seen.dialects, seen.by_file
        )
        shard, index = self.makes()
        make_shard(shard, index, tables, description, self.columns, failed)

    def _dealt(self) -> list[Path]:
        return [self.packing.dealt(task) for task in self.packing.plan.tasks if task.split == self.split]

    def reads(self) -> list[Path]:
        return [folder / name for folder in self._dealt() for name in (TOLD, f"{self.bucket:03}.arrow")]

    def makes(self) -> list[Path]:
        return [self.packing.shard(self.split, self.bucket), self.packing.index_file(self.split, self.bucket)]


def pack(description: Description, folder: Path, described: str, run: Run, console: Console) -> None:
    """Pack the log of *description*, whose text is *described*, into *folder*. Raises BadData."""
    plan = plan_for(description)
    if not begin(folder, plan, described):
        shutil.rmtree(folder / layout.UNFINISHED, ignore_errors=True)  # where the end of the work was killed
        console.say(f"{folder} is whole: nothing is left to do")
        return
    seen = survey(description)
    packing = Packing(folder, replace(description, columns=seen.columns), described, plan, seen)
    for line in seen.said:
        console.say(line)
    _deal_out(packing, run, console)
    columns = _with_categories(packing)
    _make_shards(packing, columns, run, console)
    _finish(packing, columns, console)


def _deal_out(packing: Packing, run: Run, console: Console) -> None:
    left = [task for task in packing.plan.tasks if not packing.dealt(task).exists()]
    done = len(packing.plan.tasks) - len(left)
    said = partial(
        _tell_progress, console, 0.0, 0.5, len(packing.plan.tasks), done, "dealing out the files' rows by unit"
    )
    run([DealOut(packing, task) for task in left], said)
    _one_clock(packing)


def _tell_progress(console: Console, begin: float, end: float, whole: int, before: int, what: str, done: int) -> None:
    share = (before + done) / max(whole, 1)
    console.progress(begin + (end - begin) * share, f"{what}: {before + done:,} of {whole:,}")


def _list_shards(packing: Packing, split: str = "") -> list[dict[str, Any]]:
    tasks = [task for task in packing.plan.tasks if split in ("", task.split)]
    return [json.loads((packing.dealt(task) / TOLD).read_text(encoding="utf-8")) for task in tasks]


def _one_clock(packing: Packing) -> None:
    """Tasks know nothing of each other: whether all files write their times in one way is seen when all are done."""
    clocks = [told["clock"] for told in _list_shards(packing) if told["clock"]]
    for kind, example in clocks:
        if kind != clocks[0][0]:
            raise BadData(f"{example} is {kind}, unlike {clocks[0][1]}", SAME_KIND)


def _with_categories(packing: Packing) -> Columns:
    found: dict[str, set[str]] = {}
    for told in _list_shards(packing, TRAIN):
        for name, words in told["texts"].items():
            found.setdefault(name, set()).update(words)
    if tags := packing.seen.columns.tags:
        require_tags(tags, found)
    columns = packing.seen.columns.told
    named = [name for name, kind in columns.kinds if kind == "text" and name in found]
    for name in named:
        require_some_words(name, sorted(found[name]))
    return replace(columns, categories=tuple((name, tuple(sorted(found[name]))) for name in named))


def _make_shards(packing: Packing, columns: Columns, run: Run, console: Console) -> None:
    left = [name for name in packing.names() if not packing.index_file(*name).exists()]
    whole = len(packing.names())
    said = partial(_tell_progress, console, 0.5, 1.0, whole, whole - len(left), "putting units in order")
    run([MakeShard(packing, columns, *name) for name in left], said)


def _finish(packing: Packing, columns: Columns, console: Console) -> None:
    """The index: units in the order in which the files name them, and of each what is needed to choose among them."""
    parts, splits, said = [], set[str](), list[str]()
    for split, bucket in packing.names():
        table = parquet.read_table(packing.index_file(split, bucket))
        if table.num_rows:
            shard = packing.shard(split, bucket).name
            names = {"split": [split] * len(table), "shard": [shard] * len(table)}
            splits.add(split)
            parts.append(pa.table({**names, **{name: table.column(name) for name in table.column_names}}))
        said += (table.schema.metadata or {}).get(b"said", b"").decode().splitlines()
    if TRAIN not in splits:
        refuse_no_step(said)
    units = pa.concat_tables(parts)
    order = [("split", "descending"), ("file", "ascending"), ("row", "ascending"), ("life", "ascending")]
    units = units.sort_by(order)
    layout.put(packing.folder / layout.UNITS, lambda half: parquet.write_table(units, half, compression="zstd"))
    again = {file: count for told in _list_shards(packing) for file, count in told.get("headers again", {}).items()}
    every = [*packing.seen.said, *say_headers_again(again), *_count_lines(said), *_names_said(packing)]
    layout.put_json(packing.folder / layout.INDEX, _index(packing, columns, every))
    shutil.rmtree(packing.unfinished)
    console.progress(1.0, f"packed into {packing.folder}: {_rows(units):,} rows", always=True)


def _names_said(packing: Packing) -> list[str]:
    units = list(dict.fromkeys(name for told in _list_shards(packing) for name in told["units"]))
    apart = packing.description.failures
    failed = read_failures(packing.description, apart, log=packing.seen) if apart else None
    return [*say_alike(units), *say_failures(failed, units, packing.seen.columns)]


def _rows(units: Any) -> int:
    return int(pa.compute.sum(units.column("here")).as_py())


def _count_lines(said: Sequence[str]) -> list[str]:
    """Each line once: a shard's numbers are of that shard alone."""
    return [f"{line} (in one shard of several)" for line in dict.fromkeys(said)]


def _index(packing: Packing, columns: Columns, said: list[str]) -> dict[str, Any]:
    shards = [packing.shard(*name) for name in packing.names() if packing.shard(*name).exists()]
    headers = {packing.seen.dialects[file].header for file in packing.description.files}
    order = headers.pop() if len(headers) == 1 and not columns.samples else ()
    return {
        "format": layout.FORMAT,
        "source": packing.plan.source(packing.described),
        "columns": replace(columns, order=order).as_json(),
        "files": [Path(file).name for file, _, _ in packing.plan.files],
        "said": said,
        **({"parts": list(packing.description.parts)} if packing.description.parts else {}),
        "shards": {path.name: sha256(path) for path in shards},
        "units": sha256(packing.folder / layout.UNITS),
    }


def one_by_one(parts: Sequence[Part], done: Callable[[int], None]) -> None:
    """In this process; every part is tried, so that all bad files are named at once."""
    faults = Faults()
    for number, part in enumerate(parts, start=1):
        with faults.gathered():
            part()
        done(number)
    faults.refuse()
