"""Read what the guard wrote: why it ended a machine, and what it sees now. The texts come over SSH or the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

STATUS_FILE: Final = "/run/gluon-rig/status.json"  # below ${RIG_ROOT}; renewed every 5 s
CONSOLE_MARK: Final = "gluon-rig guard: switching off: "
BACKSTOP_MARK: Final = "gluon-rig backstop: "
STALE_AFTER_S: Final = 60.0


@dataclass(frozen=True)
class Ending:
    """Why the guard once switched the machine off. *steps*: how winding down went, in words."""

    reason: str
    detail: str
    at: str
    steps: Mapping[str, str]

    def __str__(self) -> str:
        return f"the guard switched it off at {self.at}: {self.detail}"


@dataclass(frozen=True)
class Watch:
    """What the guard saw at *beat*. *off_in_s*: until the deadline, by the stricter of its two clocks."""

    beat: datetime
    off_in_s: float
    idle_s: float
    idle_minutes: float
    busy: tuple[str, ...]

    def alive(self, now: datetime) -> bool:
        return abs((now - self.beat).total_seconds()) < STALE_AFTER_S


def endings(said: Mapping[str, Any] | None) -> tuple[Ending, ...]:
    """The endings in ended.json, newest first; empty for no file and for one that makes no sense."""
    if not said:
        return ()
    history = said.get("history")
    rows = [said, *(history if isinstance(history, list) else [])]
    return tuple(_ending(row) for row in rows if isinstance(row, dict) and row.get("reason"))


def _ending(row: Mapping[str, Any]) -> Ending:
    steps = row.get("steps")
    return Ending(
        str(row["reason"]), str(row.get("detail", "")), str(row.get("at", "")), steps if isinstance(steps, dict) else {}
    )


def ending_on_console(console: str) -> str:
    """The guard's last word in the text of GetConsoleOutput, for a machine that is off; empty if it said none."""
    last = ""
    for line in console.splitlines():
        for mark in (CONSOLE_MARK, BACKSTOP_MARK):
            _, found, said = line.partition(mark)
            if found:
                last = said.strip()
    return last


def watch(text: str) -> Watch | None:
    """What status.json says; None for half a file, or none."""
    try:
        said = json.loads(text)
        beat = datetime.strptime(said["beat"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        return Watch(
            beat=beat,
            off_in_s=float(said["off_in_s"]),
            idle_s=float(said["idle_s"]),
            idle_minutes=float(said["idle_minutes"]),
            busy=tuple(map(str, said["busy"])),
        )
    except (ValueError, TypeError, KeyError):
        return None
