"""Shows a run's log while it goes on: plain lines into a pipe, lines above a moving bar on a terminal."""

from __future__ import annotations

import re
import sys
from typing import Any

_PERCENT = re.compile(r"^\[\s*(\d{1,3})%\] ?")


def percent_of(line: str) -> int | None:
    """The contract with any program that runs: a line that begins with "[ 42%] " moves the bar."""
    found = _PERCENT.match(line)
    return min(int(found[1]), 100) if found else None


class LogView:
    """`with LogView() as show: show(line)`."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> LogView:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task("", total=100)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, line: str) -> None:
        percent = percent_of(line)
        if self._progress is None:
            print(line, file=sys.stderr, flush=True)
        elif percent is None:
            self._progress.console.print(line, markup=False, highlight=False)
        else:
            self._progress.update(self._task, completed=percent, description=_PERCENT.sub("", line))
