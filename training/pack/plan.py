"""What packing has to do, decided before it begins and kept: a program that was killed goes on with the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from training.errors import BadData
from training.pack import layout
from training.prognostics.dialect import count_roughly
from training.prognostics.log_keys import would_match
from training.prognostics.log_schema import Description
from training.prognostics.s3_files import S3File

ROWS_IN_BUCKET: Final = 400_000
"""What one shard holds at most, about: it is sorted in memory."""

MOST_BUCKETS: Final = 256
"""So many files are open at a time while rows are dealt out."""

TASK_BYTES: Final = 128 << 20
"""Files are dealt out in tasks of about this size; a larger file is one task."""

TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Task:
    """Some files whose rows are dealt out together."""

    split: str
    number: int
    files: tuple[int, ...]
    """Which files of the split, counted in the order of the description."""

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:06}"


@dataclass(frozen=True)
class Plan:
    files: tuple[tuple[str, int, int], ...]
    """(file, bytes, time of change in nanoseconds) of all files: where one has changed, nothing is gone on with. Named
    from the folder that holds all of them, which may lie elsewhere on another machine."""
    buckets: dict[str, int]
    tasks: tuple[Task, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "files": [list(file) for file in self.files],
            "buckets": self.buckets,
            "tasks": [asdict(t) for t in self.tasks],
        }

    def source(self, described: str) -> str:
        """Tells apart what was packed: a checksum of the files, as `files` knows them, and of the text *described*."""
        return hashlib.sha256(json.dumps([self.files, described]).encode()).hexdigest()


def plan_for(description: Description) -> Plan:
    tasks: list[Task] = []
    for split, files in splits_of(description).items():
        groups = _in_groups([file.stat().st_size for file in files])
        tasks += [Task(split, number, tuple(group)) for number, group in enumerate(groups)]
    return Plan(
        files=name_files(description),
        buckets={split: _buckets(files, description) for split, files in splits_of(description).items() if files},
        tasks=tuple(tasks),
    )


def name_files(description: Description) -> tuple[tuple[str, int, int], ...]:
    """All files of the log, by name, size, and when each was written."""
    real = [file.resolve() for file in _all_files(description)]
    here = [file.parent for file in real if not isinstance(file, S3File)]
    whole = os.path.commonpath(here) if here else ""
    seen = [file.stat() for file in real]
    names = [str(file) if isinstance(file, S3File) else os.path.relpath(file, whole) for file in real]
    return tuple((name, one.st_size, one.st_mtime_ns) for name, one in zip(names, seen, strict=True))


def splits_of(description: Description) -> dict[str, tuple[Path, ...]]:
    return {TRAIN: description.files, TEST: description.test}


def _all_files(description: Description) -> list[Path]:
    failures = description.failures.files if description.failures else ()
    return [*description.files, *description.test, *failures]


def _in_groups(sizes: Sequence[int]) -> list[list[int]]:
    groups: list[list[int]] = []
    filled = 0
    for number, size in enumerate(sizes):
        if not groups or filled + size > TASK_BYTES:
            groups.append([])
            filled = 0
        groups[-1].append(number)
        filled += size
    return groups


def _buckets(files: Sequence[Path], description: Description) -> int:
    rows = len(files) if description.columns.by_file else sum(count_roughly(file) for file in files)
    return max(1, min(MOST_BUCKETS, -(-rows // ROWS_IN_BUCKET)))


def refuse_own_source(folder: Path, description: Description) -> None:
    """Raises BadData where what is packed into *folder* would be taken for a part of the log the next time."""
    made = folder.resolve() / layout.UNITS, folder.resolve() / layout.SHARDS / "train-000.parquet"
    for pattern in description.patterns:
        if any(would_match(pattern, file) for file in made):
            raise BadData(
                f"{folder} is in the log's own files, as {pattern.name or pattern} means them",
                "Pack into a folder beside them: what is packed would be taken for a part of the log.",
            )


def begin(folder: Path, plan: Plan, described: str) -> bool:
    """Make *folder* ready for *plan*; whether there is anything left to do.

    Raises BadData where the folder holds something else.
    """
    unfinished = folder / layout.UNFINISHED
    kept = {"plan": plan.as_json(), "description": described}
    if (folder / layout.INDEX).exists():
        _require_source(folder, plan.source(described))
        return False
    if (unfinished / "plan.json").exists():
        if json.loads((unfinished / "plan.json").read_text(encoding="utf-8")) != json.loads(json.dumps(kept)):
            raise BadData(
                f"{folder} was begun from other files, or with another description",
                f"Take another folder, or begin anew: rm -r {folder}",
            )
        return True
    if folder.exists() and any(path.name != layout.UNFINISHED for path in folder.iterdir()):
        raise BadData(f"{folder} is not empty", "A log is packed into a folder of its own.")
    unfinished.mkdir(parents=True, exist_ok=True)
    layout.put_json(unfinished / "plan.json", kept)
    return True


def _require_source(folder: Path, source: str) -> None:
    """Raises BadData where the pack in *folder* is of something else: it would be taken for this log."""
    try:
        packed = json.loads((folder / layout.INDEX).read_text(encoding="utf-8")).get("source", source)
    except (OSError, ValueError, AttributeError) as error:
        raise BadData(
            f"{folder / layout.INDEX} is damaged: {error}", "Pack the log again, into a new folder."
        ) from error
    if packed != source:
        raise BadData(
            f"{folder} was packed from other files or with another description, or a file has changed since",
            f"Take another folder, or pack anew: rm -r {folder}",
        )
