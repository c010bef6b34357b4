"""`rig watch`: one live screen of a run on a terminal, a line for each look in a pipe. The run does not notice."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from infra.cli.hints import say, theirs
from infra.cli.local_time import beside_utc
from infra.cli.screens.watch import render_line, render_watch
from infra.console import plain
from infra.console.paint import console_for, paint_lines
from infra.workflows.watch import Glance, Watcher

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from infra.workflows.context import Rig

EVERY_S: Final = 2.0
FEW_LINES, MANY_LINES = 5, 30
_ROOM_FOR_PLOTS: Final = 30  # lines of a terminal
_KEYS: Final = "keys: l more of the log, c cancel the run, e extend by an hour, q leave (the run goes on)"
Press = Callable[[float], str]
"""Waits so many seconds for a key; empty when none was pressed."""
Change = Callable[[str], object]
"""Another command, which a key stands for."""


def watch_run(rig: Rig, name: str, *, once: bool, cancel: Change, extend: Change) -> None:
    """*cancel* is given the run's name, *extend* how much longer."""
    watcher = Watcher(rig, name)
    console = console_for(sys.stdout)
    try:
        if console is None or once:
            _print_lines(rig, watcher, once=once)
        else:
            _show_screen(rig, watcher, console, cancel, extend)
    finally:
        watcher.close()


def _print_lines(rig: Rig, watcher: Watcher, *, once: bool) -> None:
    from infra.console import deliver

    last = ""
    while True:
        seen = watcher.look()
        line = render_line(seen, watcher.standing(), rig.now())
        if (told := line.partition(" ")[2]) != last:
            deliver(line)
        last = told
        if once or seen.ended:
            return
        time.sleep(EVERY_S)


def _show_screen(rig: Rig, watcher: Watcher, console: Console, cancel: Change, extend: Change) -> None:
    log_lines = FEW_LINES
    with _keyboard() as press:
        while True:
            key, seen = _draw_until_key(rig, watcher, console, press, log_lines)
            if key == "l":
                log_lines = MANY_LINES if log_lines == FEW_LINES else FEW_LINES
            elif key in ("c", "e"):
                break
            else:
                _say_end(rig, seen)
                return
    if key == "c":
        _cancel(watcher.run.name, cancel)
        return
    _extend(rig, extend)
    watcher.forget_standing()
    _show_screen(rig, watcher, console, cancel, extend)


def _draw_until_key(rig: Rig, watcher: Watcher, console: Console, press: Press, log_lines: int) -> tuple[str, Glance]:
    """The key that was pressed, or "q" when the run has ended; what was seen last."""
    from rich.live import Live

    with Live(console=console, auto_refresh=False, screen=False, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            seen = watcher.look()
            live.update(_compose(rig, watcher, seen, console, log_lines), refresh=True)
            if seen.ended:
                return "q", seen
            key = press(EVERY_S)
            if key in ("l", "c", "e", "q"):
                return key, seen


def _compose(rig: Rig, watcher: Watcher, seen: Glance, console: Console, log_lines: int) -> RenderableType:
    from rich.console import Group

    plot_lines = 3 if console.height >= _ROOM_FOR_PLOTS else 1
    room = max(console.height - 18 - 2 * plot_lines, FEW_LINES)
    said = render_watch(
        seen,
        watcher.standing(),
        rig.now(),
        width=console.width,
        log_lines=min(log_lines, room),
        plot_lines=plot_lines,
    )
    text = beside_utc(theirs(plain(f"{said}\n\n{_KEYS}"), rig.settings))
    return Group(*paint_lines(text, console.width))


def _say_end(rig: Rig, seen: Glance) -> None:
    name = seen.run.name
    if seen.ended:
        say(f"Run {name} has ended; `rig pull` brings it home.", rig.settings)
    else:
        say(f"Run {name} goes on; `rig logs` follows it.", rig.settings)


def _cancel(name: str, cancel: Change) -> None:
    from infra.cli.prompt import confirm

    confirm(f"Ask run {name} to save and end?", otherwise="It goes on.", beforehand="`rig cancel` does not ask")
    cancel(name)


def _extend(rig: Rig, extend: Change) -> None:
    from infra.errors import RigError

    try:
        extend("1h")
    except RigError as error:  # a "no", or a deadline that cannot be moved: the screen comes back
        say(str(error), rig.settings)
        time.sleep(EVERY_S)


@contextmanager
def _keyboard() -> Iterator[Press]:
    """Single keys, without Enter, where there is a keyboard; Ctrl-C stays what it is."""
    if not sys.stdin or not sys.stdin.isatty():
        yield _no_key
        return
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number)
        yield lambda seconds: _read_key(seconds)
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _read_key(seconds: float) -> str:
    import os

    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace").lower() if ready else ""


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""
