"""What moves at the end of a terminal while a command works: what is waited for, since when, and how a run goes.

Into a pipe the same lines go plain, and nothing moves. A line that begins with a carriage return is live
(infra/remote/recorder.py): the next one takes its place. One that begins with "[ 42%]" moves the bar.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from infra import budget
from infra.cli.waits import Waits
from infra.console import accompanied, coloured, companion, pass_on, plain
from infra.console.paint import console_for, paint
from infra.job.run_names import start_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_PERCENT: Final = re.compile(r"^\[\s*(\d{1,3})%\] ?", re.ASCII)
_EPOCH: Final = re.compile(r"\W*epoch\W{0,2}(\d+)", re.IGNORECASE)  # "epoch 3/5", "[Epoch 3]"; not "best epoch 3"
LIVE: Final = "\r"
_BAR: Final = 20
# A terminal that is hung up must not end the following of a run, nor what comes after it.
_GONE: Final = (OSError, ValueError)


def percent_of(line: str) -> int | None:
    """The contract with any program that runs: a line that begins with "[ 42%] " moves the bar."""
    found = _PERCENT.match(line)
    return min(int(found[1]), 100) if found else None


def read_last(line: str) -> str:
    """What a terminal would show at the end of *line*, each of whose carriage returns begins it anew."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


@contextmanager
def accompany(*, live: bool) -> Iterator[None]:
    """While a command works, something moves at the end of the terminal, if somebody looks at one."""
    console = console_for(sys.stderr) if live and sys.stderr is not None else None
    if console is None:
        yield
        return
    with View(console) as view, accompanied(view):
        yield


def show_log(line: str) -> None:
    """Show a line of a run's log, or of an image that is built."""
    view = companion()
    if isinstance(view, View):
        view.show(line)
    else:
        pass_on(read_last(line))


def expect(what: str) -> None:
    """Begin a step that nothing else tells of."""
    view = companion()
    if isinstance(view, View):
        view.expect(what)


def begin_run(name: str, now: datetime) -> None:
    """Count from when the run *name* began, which its name says."""
    view, began = companion(), start_of(name)
    if isinstance(view, View) and began:
        view.begin_run((now - began).total_seconds())


class View:
    """`with View(console) as view: view.show(line)`; a command's own lines come by `tell` (infra/console)."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._live: Any = None
        self._waits = Waits(clock)
        self._began = clock()
        self._percent: int | None = None
        self._text = ""
        self._finished = ""  # the newest line of the epoch that goes on

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self._keep_epoch()
        self.make_room()
        self._waits.end()

    def tell(self, text: str) -> None:
        """A step that begins: what is waited for until the next one. A run that was followed has ended by then."""
        if self._percent == 100:
            self._keep_epoch()
            self._percent = None
        with suppress(*_GONE):
            paint(self._console, text)
        self._text = ""
        self._began = self._clock()
        self._waits.begin(text)
        self._move()

    def expect(self, what: str) -> None:
        """A step that is told by nothing else."""
        self._text = what
        self._began = self._clock()
        self._waits.begin(what)
        self._move()

    def begin_run(self, seconds: float) -> None:
        """A run is followed that began *seconds* ago."""
        self._waits.end()
        self._began = self._clock() - max(seconds, 0.0)

    def show(self, line: str) -> None:
        """A line of a log."""
        shown = read_last(line)
        if percent_of(shown) is None and not line.startswith(LIVE):
            self._print(shown)
        else:
            self._advance(shown)
        self._move()

    def _advance(self, line: str) -> None:
        found = percent_of(line)
        text = plain(_PERCENT.sub("", line))
        if found is not None:
            if _epoch_of(text) != _epoch_of(self._finished):
                self._keep_epoch()
            self._percent, self._finished = found, text
        self._text = text

    def _keep_epoch(self) -> None:
        """What an epoch ended with stays on the screen; so does what a run ended with."""
        if self._finished and (_EPOCH.match(self._finished) or self._percent == 100):
            self._print(self._finished)
        self._finished = ""

    def _print(self, line: str) -> None:
        from rich.text import Text

        with suppress(*_GONE):
            self._console.print(Text.from_ansi(coloured(line)), soft_wrap=True)

    def make_room(self) -> None:
        if self._live is not None:
            with suppress(*_GONE):
                self._live.stop()
            self._live = None

    def _move(self) -> None:
        if self._live is not None:
            return
        from rich.live import Live

        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            refresh_per_second=8,
        )
        with suppress(*_GONE):
            self._live.start()

    def _render(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        gone = budget.stopwatch(self._clock() - self._began)
        cells: list[tuple[RenderableType, int]] = [(Spinner("dots", style="cyan"), 1)]
        if self._percent is not None:
            bar = ProgressBar(100, self._percent, width=_BAR, complete_style="cyan", finished_style="green")
            cells += [(bar, _BAR), (f"{self._percent:3}%", 4)]
        cells.append((gone, len(gone)))
        line = Table.grid(padding=(0, 1, 0, 0), expand=True)
        for _, width in cells:  # fixed, else Rich takes from them what a long text wants
            line.add_column(no_wrap=True, width=width)
        line.add_column(no_wrap=True, ratio=1)
        text = Text(self._text or self._waits.usual, no_wrap=True, overflow="ellipsis")
        line.add_row(*(cell for cell, _ in cells), text)
        return line


def _epoch_of(line: str) -> str:
    found = _EPOCH.match(line)
    return found[1] if found else ""
