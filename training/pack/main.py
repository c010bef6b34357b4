"""`python -m training pack TABLE DIR`: a described log, of any size, into a folder that training can stream.

    python -m training pack fleet.toml packed/
    python -m training pack --workers 2 fleet.toml packed/
    python -m training sensors --workdir runs/fleet table=packed/

Takes constant memory: the log may be larger than the computer's. Killed at any moment, the same command goes on. The
folder holds Parquet files of whole units, which any program can read, and an index.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from training.config import Parser
from training.console import Console
from training.errors import BadInput
from training.pack.pack import Run, one_by_one, pack
from training.pack.plan import name_files, refuse_own_source
from training.places import Place, add_options, lend, places, read_place, slots_here
from training.prognostics.log_schema import Description, read_description


def main(words: Sequence[str]) -> int:
    """Exit code 0 when the folder is whole, 130 after Ctrl-C. Raises TrainingError."""
    asked = _parser().parse_args(words)
    # What is whole stays, and the same command goes on: a signal need not be waited out.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if asked.workers is not None and asked.workers < 1:
        raise BadInput(f"--workers {asked.workers}: must be at least 1", "--workers 2 reads two files at a time")
    if asked.folder.parts[:1] == ("s3:",):
        raise BadInput(
            f"{asked.folder}: a log is packed into a folder here", "then: aws s3 sync FOLDER s3://BUCKET/FOLDER"
        )
    place, description = read_place(asked), read_description(asked.table)
    refuse_own_source(asked.folder, description)
    try:
        if place.nodes == 1:
            _pack(asked, description, _run(asked.workers or 1))
        else:
            _pack_together(asked, description, place)
    except KeyboardInterrupt:
        return 130
    return 0


def _pack(asked: argparse.Namespace, description: Description, run: Run) -> None:
    pack(description, asked.folder, asked.table.read_text(encoding="utf-8-sig"), run, Console())


def _pack_together(asked: argparse.Namespace, description: Description, place: Place) -> None:
    from training.pack.machines import TABLE, across

    os.environ[TABLE] = str(asked.table.resolve())
    workers, own = asked.workers or slots_here(), asked.folder.parent / ".dask"
    if place.node:
        lend(workers, own, place)
    else:
        with places(workers, own, place) as client:
            _pack(asked, description, across(client, name_files(description)))


def _run(workers: int) -> Run:
    if workers == 1:
        return one_by_one
    from training.pack.workers import side_by_side  # Dask takes a second to import

    return side_by_side(workers)


def _parser() -> Parser:
    parser = Parser.of("pack", __doc__)
    parser.add_argument("--workers", type=int, metavar="N", help="processes side by side, by Dask (1)")
    add_options(parser)
    parser.add_argument("table", type=Path, metavar="TABLE", help="the TOML file that describes the log")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder, or one begun by the same command")
    return parser
