"""What the name of a run says, and a run by a part of it: `0b93`, `lenet`, `latest`. job/spec.py makes the names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from infra.errors import UserError

LATEST: Final = "latest"
MOMENT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})-.+", re.ASCII)
_PARTS: Final = re.compile(r"\d{8}-\d{6}-(?P<job>.+)-[0-9a-f]{4}", re.ASCII)
_SHOWN: Final = 8


def choose_run(wanted: str, names: Sequence[str], *, where: str) -> str:
    """The one of *names*, oldest first, that *wanted* means.

    The whole name, `latest` for the newest, a job's name for its newest run, or any part that one run alone has.
    Raises UserError when none has it, and when several do, which are listed. *where*: "in runs/", "on the instance".
    """
    if wanted in names:
        return wanted
    if wanted == LATEST and names:
        return names[-1]
    of_job = [name for name in names if job_of(name) == wanted]
    if of_job:
        return of_job[-1]
    found = [name for name in names if wanted and wanted in name]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{wanted!r} may be {len(found)} runs {where}: {_list(found)}.", "say more of its name")
    there = f"there are: {_list(names)}" if names else "`rig runs` shows those that there are"
    raise UserError(f"There is no run {wanted[:80]!r} {where}.", there)


def start_of(name: str) -> datetime | None:
    """When the run of that *name* began, as the name says: its clock is UTC. None for any other name."""
    found = MOMENT.fullmatch(name)
    try:
        return datetime.strptime("".join(found.groups()) + "Z", "%Y%m%d%H%M%S%z") if found else None
    except ValueError:
        return None


def job_of(name: str) -> str:
    """What ran, as the name says; empty for a name that is none of ours."""
    found = _PARTS.fullmatch(name)
    return found["job"] if found else ""


def _list(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} older" if len(names) > _SHOWN else ""
    return ", ".join(reversed(names[-_SHOWN:])) + more
