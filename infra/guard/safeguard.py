"""One safeguard as `status` shows it. Each switches the machine off without needing the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

AFTER_RUN, GUARD, ALARMS, SCHEDULE = 0, 1, 2, 3
NAMES: Final = ("the training command", "the guard", "CloudWatch alarms", "the schedule")
AFTER: Final = {
    "idle": "the machine is left to safeguard 1 when a run's results are home",
    "stop": "stops the machine when a run's results are home",
    "terminate": "terminates the machine when a run's results are home",
    "keep": "keeps the machine when a run's results are home",
}


@dataclass(frozen=True)
class Safeguard:
    """*fires_at*: at the latest; None where it waits for something else than the time, told in *note*."""

    number: int
    armed: bool
    fires_at: datetime | None = None
    note: str = ""

    @property
    def name(self) -> str:
        return NAMES[self.number]

    def __str__(self) -> str:
        """ "safeguard 1, the guard: off by 2026-11-20 23:50 UTC, or after 20 idle minutes"."""
        if not self.armed:
            return f"safeguard {self.number}, {self.name}: not armed: {self.note}"
        when = [f"off by {self.fires_at:%Y-%m-%d %H:%M UTC}"] if self.fires_at else []
        return f"safeguard {self.number}, {self.name}: {', '.join([*when, *filter(None, [self.note])])}"


def together(each: Sequence[Sequence[Safeguard]]) -> list[str]:
    """The safeguards of several machines, a line for each kind: how many are armed, and what the first of them says.

    One that is not armed, or fires at another time than the others, is what the user must see.
    """
    lines = []
    for same in zip(*each, strict=True):
        odd = [one for one in same if not one.armed] or [one for one in same if one != same[0]]
        armed = sum(one.armed for one in same)
        apart = ", at different times" if odd and armed == len(same) else ""
        count = f" (each of {len(same)})" if not odd else f" ({armed} of {len(same)} armed{apart})"
        lines.append(f"{odd[0] if odd else same[0]}{count if len(same) > 1 else ''}")
    return lines


def after_run(after: str) -> Safeguard:
    """Safeguard 0, which lives in the command that follows a run. *after*: the setting of that name."""
    return Safeguard(AFTER_RUN, armed=after in ("stop", "terminate"), note=AFTER[after])


def guard(deadline: datetime | None, idle_minutes: float | None) -> Safeguard:
    """Safeguard 1 as the tags promise it, None for one that cannot be read. Whether the guard really runs, only the
    machine can tell (`status.watch`)."""
    if deadline is None:
        return Safeguard(GUARD, armed=False, note="no deadline tag that can be read; `rig extend --by 1h` sets one")
    if idle_minutes is None:
        idle = "or for idleness, after the minutes it read last"
    else:
        idle = f"or after {idle_minutes:g} idle minutes" if idle_minutes else "never for idleness"
    return Safeguard(GUARD, armed=True, fires_at=deadline, note=idle)
