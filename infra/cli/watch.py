"""`rig watch`: one live screen of a run, its machine and its money."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from infra.cli.screens.runs import render_glance
from infra.console import plain
from infra.workflows.context import Rig
from infra.workflows.watch import Watcher


def watch_run(rig: Rig, name: str, *, once: bool) -> None:
    watcher = Watcher(rig, name)
    try:
        with Live(console=Console(stderr=True), auto_refresh=False) as live:
            while True:
                # Text, not markup: a log line may hold square brackets.
                live.update(Text(plain(render_glance(watcher.look(), watcher.standing()))), refresh=True)
                if once or watcher.has_ended():
                    return
                time.sleep(2)
    finally:
        watcher.close()
