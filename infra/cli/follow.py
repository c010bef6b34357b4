"""A run on the instance is followed to its end, brought home, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.errors import INTERRUPTED

if TYPE_CHECKING:
    from infra.workflows.context import Rig
    from infra.workflows.runs import Outcome


def follow(rig: Rig, name: str) -> int:
    from infra.cli.progress import begin_run, show_log
    from infra.workflows.notify import notice_end
    from infra.workflows.stop import afterwards
    from infra.workflows.train import bring_run_home, follow_run

    begin_run(name, rig.now())
    try:
        instance = follow_run(rig, name, show_log)
    except KeyboardInterrupt:
        rig.tell(
            f"\nDetached. Run {name} goes on, and so does the machine; `rig logs` follows the run again, `rig cancel` "
            "ends it, `rig status` says when the machine goes off."
        )
        return INTERRUPTED
    with notice_end(rig.settings.notify, rig.runs / name, rig.tell), afterwards(rig, name):
        print_outcome(bring_run_home(rig, name, instance))
    return 0


def print_outcome(done: Outcome) -> None:
    from pathlib import Path

    from infra.cli.hints import show
    from infra.cli.screens.runs import render_outcome
    from infra.job import artifacts

    show(render_outcome(done, artifacts.summary(done.folder), here=Path.cwd()), None)
