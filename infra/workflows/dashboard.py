"""One page over runs/: read every run that is home, reckon what it cost, write the page beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.aws.account.cost import RunCost, run_cost
from infra.errors import NothingToDo, WorldError
from infra.job.artifacts import ending
from infra.job.history import PastRun, past_runs
from infra.job.notes import Note, read_note
from infra.remote.workspace import write_whole

PAGE: Final = "dashboard.html"


@dataclass(frozen=True)
class Entry:
    run: PastRun
    cost: RunCost
    note: Note


def write_dashboard(runs: Path, render: Callable[[Sequence[Entry]], str]) -> Path:
    """Write *runs*/dashboard.html, and return its path. Raises NothingToDo where there is no run."""
    entries = [_entry(runs / one.name, one) for one in past_runs(runs)]
    if not entries:
        raise NothingToDo(f"There is no run in {runs} yet.", "`rig train --job linear` makes one in seconds")
    page = runs / PAGE
    try:
        write_whole(page, render(entries).encode())
    except OSError as error:
        hint = "make room, or give yourself the right to write there, and run the command again"
        raise WorldError(f"{page} cannot be written: {error.strerror}.", hint) from error
    return page


def _entry(folder: Path, one: PastRun) -> Entry:
    return Entry(one, run_cost(one.name, ending(folder)), read_note(folder))
