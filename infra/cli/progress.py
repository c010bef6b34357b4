"""Shows a run's log while it goes on: plain lines into a pipe, lines above a moving bar on a terminal.

A line that begins with a carriage return is live (infra/remote/recorder.py): the next one takes its place.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import Any, Final

from infra.console import coloured, pass_on, plain

_PERCENT: Final = re.compile(r"^\[\s*(\d{1,3})%\] ?", re.ASCII)
LIVE: Final = "\r"
# A terminal that is hung up must not end the following of a run, nor what comes after it.
_GONE: Final = (OSError, ValueError)


def percent_of(line: str) -> int | None:
    """The contract with any program that runs: a line that begins with "[ 42%] " moves the bar."""
    found = _PERCENT.match(line)
    return min(int(found[1]), 100) if found else None


def read_last(line: str) -> str:
    """What a terminal would show at the end of *line*, each of whose carriage returns begins it anew."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


class LogView:
    """`with LogView() as show: show(line)`."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> LogView:
        if sys.stderr is not None and sys.stderr.isatty():
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
            with suppress(*_GONE):
                self._progress.start()
            self._task = self._progress.add_task("", total=100)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            with suppress(*_GONE):
                self._progress.stop()

    def __call__(self, line: str) -> None:
        shown = read_last(line)
        if self._progress is None:
            pass_on(shown)
            return
        with suppress(*_GONE):
            if percent_of(shown) is None and not line.startswith(LIVE):
                self._print(shown)
            else:
                self._move(shown)

    def _print(self, line: str) -> None:
        from rich.text import Text

        self._progress.console.print(Text.from_ansi(coloured(line)), soft_wrap=True)

    def _move(self, line: str) -> None:
        percent = {} if (found := percent_of(line)) is None else {"completed": found}
        self._progress.update(self._task, description=plain(_PERCENT.sub("", line)), **percent)
