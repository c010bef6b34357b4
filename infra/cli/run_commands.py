"""The commands of the group "work" about runs. Imports wait until a command runs, so that all start quickly."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.hints import theirs
from infra.console import deliver, plain, tell
from infra.errors import INTERRUPTED, BadSettings, UserError, WorldError
from infra.kit_files import ROOT
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.host.facts import RunFacts
    from infra.job.spec import Job
    from infra.workflows.context import Rig
    from infra.workflows.runs import Outcome


def train(options: Namespace, settings: Settings) -> int:
    from infra.cli.local import resume_here, train_here

    if options.where == "remote":
        begin_again = options.resume or options.recover
        return _resume(options, settings) if begin_again else _train_there(options, settings, _job(options, settings))
    if options.recover or options.detach:
        raise BadSettings("recover and detach are about the instance.", "rig train remote ..., or leave them out")
    return resume_here(settings, options.resume) if options.resume else train_here(settings, _job(options, settings))


def _job(options: Namespace, settings: Settings) -> Job:
    from infra.job.spec import command_job, existing_folder, script_job, training_job

    code = existing_folder(settings.code, "code")
    if options.script and options.cmd:
        raise BadSettings("script and cmd were both given; a run does one thing.", "leave one out")
    if options.cmd:
        return command_job(options.cmd)
    if options.script:
        return script_job(options.script, code, options.args)
    return training_job(options.job, code, options.args)


def _train_there(options: Namespace, settings: Settings, job: Job) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import LogView
    from infra.workflows.train import start_training

    rig = open_rig(settings)
    with LogView() as show:
        name = start_training(rig, job, show)
    return _stay(options, rig, name)


def _resume(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import LogView
    from infra.workflows.resume import resume

    rig = open_rig(settings)
    if options.recover:
        _launch_again(rig)
    with LogView() as show:
        name = resume(rig, options.resume, show)
    return _stay(options, rig, name)


def _launch_again(rig: Rig) -> None:
    """After AWS took a spot instance back, or a guard stopped it: the same plan, with a new deadline."""
    from infra.aws.instances.instance import find
    from infra.cli import render
    from infra.workflows.launch import launch
    from infra.workflows.plan import make_plan

    found = find(rig.session, rig.name)
    if found is None or found.state != "running":
        plan = make_plan(rig)
        rig.tell(render.plan(plan))
        launch(rig, plan)


def _stay(options: Namespace, rig: Rig, name: str) -> int:
    """Follow the run that was just started, or with `detach` leave it to itself."""
    if options.detach:
        rig.tell("It goes on without this computer. `rig logs` follows it, `rig pull` brings its results home.")
        deliver(name)
        return 0
    return _follow(rig, name)


def logs(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.workflows.runs import newest_run

    rig = open_rig(settings)
    return _follow(rig, newest_run(rig, options.run))


def _follow(rig: Rig, name: str) -> int:
    from infra.cli.progress import LogView
    from infra.workflows.stop import afterwards
    from infra.workflows.train import bring_run_home, follow_run

    try:
        with LogView() as show:
            instance = follow_run(rig, name, show)
    except KeyboardInterrupt:
        rig.tell(
            f"\nDetached. Run {name} goes on, and so does the machine; `rig logs` follows the run again, `rig cancel` "
            "ends it, `rig status` says when the machine goes off."
        )
        return INTERRUPTED
    with afterwards(rig):
        _print_outcome(bring_run_home(rig, name, instance))
    return 0


def _print_outcome(done: Outcome) -> None:
    from infra.cli import run_result
    from infra.job import artifacts

    deliver(run_result.outcome(done, artifacts.summary(done.folder), here=Path.cwd()))


def pull(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.workflows.runs import pull_runs

    for done in pull_runs(open_rig(settings), options.run):
        _print_outcome(done)
    return 0


def runs(options: Namespace, settings: Settings) -> int:
    """Those on the instance and those at home; without an instance, or without AWS, those at home."""
    from infra.cli.context import open_rig
    from infra.job.run_folders import runs_home
    from infra.workflows.runs import list_runs

    home = runs_home(Path("runs"))
    try:
        there = list_runs(open_rig(settings))
    except UserError as error:
        tell(theirs(error.cause, settings))
        there = ()
    except WorldError:
        _print_runs(options, (), home)
        raise
    _print_runs(options, there, home)
    return 0


def _print_runs(options: Namespace, there: Sequence[RunFacts], home: Sequence[RunFacts]) -> None:
    import dataclasses
    import json

    from infra.cli import render

    if options.json:
        every = render.listed_runs(there, home)
        deliver(json.dumps([{**dataclasses.asdict(one), "where": where} for one, where in every], indent=2))
    else:
        deliver(render.runs(there, home))


def cancel(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.workflows.runs import cancel_run

    _print_outcome(cancel_run(open_rig(settings), options.run))
    return 0


def watch(options: Namespace, settings: Settings) -> int:
    """Until the run ends or Ctrl-C; the run does not notice either."""
    import time

    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from infra.cli import render
    from infra.cli.context import open_rig
    from infra.workflows.watch import Watcher

    watcher = Watcher(open_rig(settings), options.run)
    try:
        with Live(console=Console(stderr=True), auto_refresh=False) as live:
            while True:
                # Text, not markup: a log line may hold square brackets.
                live.update(Text(plain(render.glance(watcher.look(), watcher.standing()))), refresh=True)
                if options.once or watcher.ended():
                    return 0
                time.sleep(2)
    finally:
        watcher.close()


def compare(options: Namespace, settings: Settings) -> int:
    """What `python -m training compare` shows, by the names of runs that are home."""
    import subprocess
    import sys

    names = [*filter(None, (options.first, options.second)), *options.runs.split()]
    folders = [Path("runs") / name for name in names]
    home = {path.resolve() for path in Path("runs").glob("*")}
    absent = [name for name, folder in zip(names, folders, strict=True) if folder.resolve() not in home]
    if absent or len(folders) < 2:
        raise BadSettings(
            f"There is no run {absent[0][:80]!r} in runs/." if absent else "Two runs are needed.",
            "`rig runs` shows those that are home: rig compare RUN RUN",
        )
    words = [sys.executable, "-m", "training", "compare", *(str(folder.resolve()) for folder in folders)]
    code = subprocess.run(words, cwd=ROOT).returncode
    return code if code in (0, 2) else 1
