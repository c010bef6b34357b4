"""How long a step usually takes, and how long it took here the last time: .rig/waits.json, a comfort alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from infra import budget

# What is told when a step begins, its name, and what it took in trials and in reports of users (docs/host.md).
STEPS: Final = (
    (r"asking AWS", "ask", "2 to 6 s"),
    (r"Starting \S+ i-|\S+ \(.*\) is being made", "start", "20 to 60 s"),
    (r"Waiting until \S+ answers|Waiting for the instance", "boot", "1 to 3 min"),
    (r"Waiting for \S+ to print its host key", "host key", "1 to 3 min"),
    (r"Building the training image", "image", "5 to 10 min, once"),
    (r"Pulling the training image", "pull image", "2 to 5 min, once"),
    (r"Installing the script's requirements", "requirements", "1 to 3 min, once"),
    (r"Copying data", "data", "as long as your line needs for what is new"),
    (r"Copying ", "sync", "a few seconds"),
    (r"Starting run", "run", "a few seconds"),
    (r"Bringing the results", "pull", "as long as your line needs for what is new"),
    (r"Asking run|Run \S+ is still going", "end run", "at most a minute"),
    (r"Making the image", "bake", "5 to 10 min"),
    (r"Stopping|\S+ is stopping|\S+ is still stopping", "stop", "20 to 60 s"),
    (r"Terminating|\S+ is shutting-down|Waiting for \d+ instance", "terminate", "30 to 90 s"),
    (r"Looking in every region", "sweep", "10 to 30 s"),
)
_LEAST_S: Final = 2.0
FILE: Final = Path(".rig", "waits.json")


class Waits:
    """The step that goes on: `begin` it with what is told of it; the next one, or `end`, ends it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._step, self._since = "", 0.0
        self.usual = ""

    def begin(self, told: str) -> None:
        self.end()
        self._since = self._clock()
        for pattern, name, usual in STEPS:
            if re.match(pattern, told.strip()):
                self._step = name
                last = _read().get(name)
                self.usual = f"last time {budget.stopwatch(last)}" if last else f"usually {usual}"
                return

    def end(self) -> None:
        took = self._clock() - self._since
        if self._step and took >= _LEAST_S:
            _write({**_read(), self._step: round(took)})
        self._step, self.usual = "", ""


def _read() -> dict[str, float]:
    """What is there, and of use: anybody may have written it."""
    try:
        found: Any = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    known = {name for _, name, _ in STEPS}
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: took for name, took in pairs if name in known and isinstance(took, int) and 0 < took < 86400}


def _write(took: dict[str, float]) -> None:
    with suppress(OSError):
        if FILE.parent.is_dir():
            FILE.write_text(json.dumps(took), encoding="utf-8")
