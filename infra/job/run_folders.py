"""The runs that are home, in runs/: those of this computer, and those that came back from an instance."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from infra.host.facts import RunFacts
from infra.job.artifacts import read_recorded
from infra.job.run_names import LATEST, MOMENT, choose_run


def runs_home(runs: Path) -> tuple[RunFacts, ...]:
    """Every run in *runs*, oldest start first. A folder that is none of ours, by name or by record, is left out."""
    folders = [path for path in runs.glob("*") if path.is_dir() and not path.is_symlink()]
    found = [read_recorded(path) for path in folders]
    ours = [one for one in found if one.started or MOMENT.fullmatch(one.name)]
    return tuple(sorted(ours, key=lambda one: (started_at(one), one.name)))


def run_home(runs: Path, name: str) -> Path:
    """The folder of the run that *name* means (see `choose_run`); with no name, of the newest. Raises UserError."""
    return runs / choose_run(name or LATEST, [one.name for one in runs_home(runs)], where="in runs/")


def started_at(one: RunFacts) -> str:
    """ "2026-11-20T15:53:01": as recorded, else by its name. Compares as text."""
    named = MOMENT.fullmatch(one.name)
    return (one.started or ("{}-{}-{}T{}:{}:{}".format(*named.groups()) if named else ""))[:19]


def point_latest(runs: Path) -> None:
    """runs/latest leads to the run that started last, whichever came home last.

    A comfort: what stands in its way (a folder of that name, a disk without links) keeps nothing else from going on.
    """
    home = runs_home(runs)
    aside = runs / f".{LATEST}-{os.getpid()}"  # two runs may come home at once
    with suppress(OSError):
        aside.unlink(missing_ok=True)
        if home and not ((runs / LATEST).exists() and not (runs / LATEST).is_symlink()):
            aside.symlink_to(home[-1].name)
            aside.replace(runs / LATEST)
