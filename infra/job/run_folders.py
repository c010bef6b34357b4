"""The runs that are home, in runs/: those of this computer, and those that came back from an instance."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from infra.host.facts import RunFacts
from infra.job.artifacts import read_recorded

_NAME: Final = re.compile(r"(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})-.+", re.ASCII)  # as job/spec.py makes them
LATEST: Final = "latest"


def runs_home(runs: Path) -> tuple[RunFacts, ...]:
    """Every run in *runs*, oldest start first. A folder that is none of ours, by name or by record, is left out."""
    folders = [path for path in runs.glob("*") if path.is_dir() and not path.is_symlink()]
    found = [read_recorded(path) for path in folders]
    ours = [one for one in found if one.started or _NAME.fullmatch(one.name)]
    return tuple(sorted(ours, key=lambda one: (started_at(one), one.name)))


def started_at(one: RunFacts) -> str:
    """ "2026-11-20T15:53:01": as recorded, else by its name. Compares as text."""
    named = _NAME.fullmatch(one.name)
    return (one.started or ("{}-{}-{}T{}:{}:{}".format(*named.groups()) if named else ""))[:19]


def start_of(name: str) -> datetime | None:
    """When the run of that *name* began, as the name says: its clock is UTC. None for any other name."""
    found = _NAME.fullmatch(name)
    try:
        return datetime.strptime("".join(found.groups()) + "Z", "%Y%m%d%H%M%S%z") if found else None
    except ValueError:
        return None


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
