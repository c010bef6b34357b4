"""The passes of packing on several machines, each with a copy of the log: Dask places the parts, a lost machine's go to
another. What a part reads and makes besides the log goes through node 0, whose folder is all that is kept."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from training.errors import BadData, TrainingError
from training.pack import layout
from training.pack.pack import Part, Run
from training.pack.plan import name_files
from training.places import naming_node, pack_files, unpack_files, why_nothing_came, workers_by_node
from training.prognostics.log_schema import Description, read_description
from training.prognostics.unit_logs import Faults

TABLE: Final = "RIG_PACK_TABLE"
"""In each node's environment: where the description lies there."""
IN_FLIGHT_BYTES: Final = 1 << 30
"""So much of what parts read is under way at a time, and no more: node 0 takes constant memory, too."""


def across(client: Any, files: Sequence[tuple[str, int, int]]) -> Run:
    """Raises BadData, which names the node, where the log is another one there than *files* of node 0."""
    _require_same(client, files)

    def run(parts: Sequence[Part], done: Callable[[int], None]) -> None:
        faults = Faults()
        for finished, (part, (made, cause, hint)) in enumerate(_do_all(client, parts), start=1):
            with faults.gathered():
                if cause:
                    raise BadData(cause, hint)
                _put(part, made)
            done(finished)
        faults.refuse()

    return run


def _require_same(client: Any, files: Sequence[tuple[str, int, int]]) -> None:
    """By name and size: a time of change may have lost its fractions on the way."""
    ours = [known[:2] for known in files]
    for node, workers in workers_by_node(client).items():
        theirs = client.run(_files_here, workers=workers[:1])[workers[0]]
        if theirs != ours:
            odd = next((name for name, _ in sorted(set(ours) ^ set(theirs))), "the order of the files")
            raise BadData(f"node {node + 1} has another log: {odd}", "every machine needs the same data")


def _files_here() -> list[tuple[str, int]]:
    return [known[:2] for known in name_files(_described(os.environ[TABLE]))]


@functools.cache
def _described(table: str) -> Description:
    """This machine's own log: read once, for it may be asked for every part."""
    return read_description(Path(table))


def _do_all(client: Any, parts: Sequence[Part]) -> Iterator[tuple[Part, tuple[bytes, str, str]]]:
    from distributed import wait

    waiting, under_way = list(parts), dict[Any, tuple[Part, int]]()
    while waiting or under_way:
        while waiting and (not under_way or sum(size for _, size in under_way.values()) < IN_FLIGHT_BYTES):
            part = waiting.pop(0)
            given = pack_files(part.packing.folder, part.reads())
            future = client.submit(_do_there, part, given, pure=False)
            under_way[future] = part, len(given) or IN_FLIGHT_BYTES // 64
        for future in wait(list(under_way), return_when="FIRST_COMPLETED").done:
            part, _ = under_way.pop(future)
            if future.status != "finished":
                raise TrainingError(
                    f"A part of the log could not be packed: {why_nothing_came(future)}", "the same command begins anew"
                )
            yield part, future.result()


def _do_there(part: Part, given: bytes) -> tuple[bytes, str, str]:
    """What *part* makes, or what was wrong with the data, as words: an error of our own does not travel."""
    described = _described(os.environ[TABLE])
    with naming_node(), tempfile.TemporaryDirectory(dir=os.environ.get("RIG_RUN_DIR")) as name:
        folder = Path(name)
        unpack_files(given, folder)
        here = replace(part, packing=part.packing.elsewhere(folder, described))
        try:
            here()
        except BadData as error:
            return b"", error.cause, error.hint
        return pack_files(folder, here.makes()), "", ""


def _put(part: Part, made: bytes) -> None:
    """Into node 0's folder, each file or folder whole or not at all, in the part's own order."""
    folder = part.packing.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=part.packing.unfinished) as name:
        unpack_files(made, Path(name))
        for path in part.makes():
            came = Path(name) / path.relative_to(folder)
            if came.exists():
                put = layout.put_folder if came.is_dir() else layout.put
                put(path, partial(_move, came))


def _move(source: Path, into: Path) -> None:
    """A folder's content into the one that is made for it; a file takes its place."""
    for path in source.iterdir() if source.is_dir() else ():
        path.replace(into / path.name)
    if source.is_file():
        source.replace(into)
