"""The verbs about runs: train, logs, pull, runs, cancel. Imports wait until a verb runs, so that all start quickly."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.hints import theirs
from infra.console import deliver, plain, tell
from infra.errors import INTERRUPTED, BadSettings, UserError, WorldError
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.host.facts import RunFacts
    from infra.job.spec import Job
    from infra.story.rig import Rig
    from infra.story.train import Outcome


def train(options: Namespace, settings: Settings) -> int:
    if options.resume or options.recover:
        return _resume(options, settings)
    job = _job(options, settings)
    return _train_there(options, settings, job) if options.where == "remote" else _train_here(options, settings, job)


def _job(options: Namespace, settings: Settings) -> Job:
    from infra.job.spec import command_job, script_job, training_job

    if options.script and options.cmd:
        raise BadSettings("script and cmd were both given; a run does one thing.", "leave one out")
    if options.cmd:
        return command_job(options.cmd)
    if options.script:
        return script_job(options.script, Path(settings.code), options.args)
    return training_job(options.job, Path(settings.code), options.args)


def _train_here(options: Namespace, settings: Settings, job: Job) -> int:
    from datetime import datetime, timezone

    from infra.cli.bar import LogView
    from infra.cli.open import data_folder
    from infra.job.here import run_here
    from infra.job.spec import new_run_name

    name = new_run_name(job, datetime.now(timezone.utc))
    tell(f"Training {job.name} on this computer; `make train remote` does it on the instance")
    with LogView() as show:
        code = run_here(job, name, runs=Path("runs"), code=Path(settings.code), data=data_folder(settings), show=show)
    if code == 2:
        raise UserError(f"{job.name} did not start, for the reason above.")
    return _show_home(Path("runs") / name, name, code)


def _show_home(folder: Path, name: str, code: int) -> int:
    from infra.aws.cost import run_cost
    from infra.cli import screens
    from infra.job import artifacts
    from infra.job.verdict import judge
    from infra.story.train import Outcome

    judge(artifacts.as_recorded(folder))
    done = Outcome(
        run=name,
        folder=folder.resolve(),
        exit_code=code,
        cost=run_cost(name, artifacts.ending(folder)),
    )
    deliver(screens.outcome(done, artifacts.summary(folder), here=Path.cwd()))
    return 0


def _train_there(options: Namespace, settings: Settings, job: Job) -> int:
    from infra.cli.bar import LogView
    from infra.cli.open import open_rig
    from infra.story.train import start_training

    rig = open_rig(settings)
    with LogView() as show:
        name = start_training(rig, job, show)
    return _stay(options, rig, name)


def _resume(options: Namespace, settings: Settings) -> int:
    from infra.cli.bar import LogView
    from infra.cli.open import open_rig
    from infra.story.resume import resume

    if options.where != "remote":
        raise BadSettings("resume and recover are about the instance.", "rig train remote --resume NAME")
    rig = open_rig(settings)
    if options.recover:
        _launch_again(rig)
    with LogView() as show:
        name = resume(rig, options.resume, show)
    return _stay(options, rig, name)


def _launch_again(rig: Rig) -> None:
    """After AWS took a spot instance back, or a guard stopped it: the same plan, with a new deadline."""
    from infra.aws.instance import find
    from infra.cli import screens
    from infra.story.launch import launch
    from infra.story.plan import make_plan

    found = find(rig.session, rig.name)
    if found is None or found.state != "running":
        plan = make_plan(rig)
        rig.tell(screens.plan(plan))
        launch(rig, plan)


def _stay(options: Namespace, rig: Rig, name: str) -> int:
    """Follow the run that was just started, or with `detach` leave it to itself."""
    if options.detach:
        rig.tell("It goes on without this computer. `rig logs` follows it, `rig pull` brings its results home.")
        deliver(name)
        return 0
    return _follow(rig, name)


def logs(options: Namespace, settings: Settings) -> int:
    from infra.cli.open import open_rig
    from infra.story.results import newest_run

    rig = open_rig(settings)
    return _follow(rig, newest_run(rig, options.run))


def _follow(rig: Rig, name: str) -> int:
    from infra.cli.bar import LogView
    from infra.story.power import afterwards
    from infra.story.train import bring_run_home, follow_run

    try:
        with LogView() as show:
            follow_run(rig, name, show)
    except KeyboardInterrupt:
        rig.tell(
            f"\nDetached. Run {name} goes on, and so does the machine; `rig logs` follows the run again, `rig cancel` "
            "ends it, `rig status` says when the machine goes off."
        )
        return INTERRUPTED
    with afterwards(rig):
        _print_outcome(bring_run_home(rig, name))
    return 0


def _print_outcome(done: Outcome) -> None:
    from infra.cli import screens
    from infra.job import artifacts

    deliver(screens.outcome(done, artifacts.summary(done.folder), here=Path.cwd()))


def pull(options: Namespace, settings: Settings) -> int:
    from infra.cli.open import open_rig
    from infra.story.results import pull_runs

    for done in pull_runs(open_rig(settings), options.run):
        _print_outcome(done)
    return 0


def runs(options: Namespace, settings: Settings) -> int:
    """Those on the instance and those at home; without an instance, or without AWS, those at home."""
    from infra.cli.open import open_rig
    from infra.job.home import runs_home
    from infra.story.results import list_runs

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

    from infra.cli import screens

    if options.json:
        every = screens.listed_runs(there, home)
        deliver(json.dumps([{**dataclasses.asdict(one), "where": where} for one, where in every], indent=2))
    else:
        deliver(screens.runs(there, home))


def cancel(options: Namespace, settings: Settings) -> int:
    from infra.cli.open import open_rig
    from infra.story.results import cancel_run

    _print_outcome(cancel_run(open_rig(settings), options.run))
    return 0


def watch(options: Namespace, settings: Settings) -> int:
    """Until the run ends or Ctrl-C; the run does not notice either."""
    import time

    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from infra.cli import screens
    from infra.cli.open import open_rig
    from infra.story.watch import Watcher

    watcher = Watcher(open_rig(settings), options.run)
    try:
        with Live(console=Console(stderr=True), auto_refresh=False) as live:
            while True:
                # Text, not markup: a log line may hold square brackets.
                live.update(Text(plain(screens.glance(watcher.look(), watcher.standing()))), refresh=True)
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
    absent = [str(folder) for folder in folders if not folder.is_dir()]
    if absent or len(folders) < 2:
        raise BadSettings(
            f"There is no {absent[0]}." if absent else "Two runs are needed.",
            "`ls runs` shows those that are home: rig compare RUN RUN",
        )
    words = [sys.executable, "-m", "training", "compare", *(str(folder.resolve()) for folder in folders)]
    return subprocess.run(words, cwd=Path(__file__).resolve().parents[2]).returncode
