"""The group "runs": train, logs, watch, pull, runs, compare, note, dashboard, cancel."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from infra.cli.arguments import Group, Option
from infra.cli.options import (
    FIND_IT,
    JSON,
    LIMITS,
    MACHINE,
    RUN,
    RUN_TO_CANCEL,
    RUN_TO_PULL,
    WHERE_AM_I,
    here_or_remote,
)  # fmt: skip
from infra.console import deliver
from infra.errors import INTERRUPTED, BadSettings, NothingToDo, UserError, WorldError
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.workflows.context import Rig
    from infra.workflows.run_list import ListedRun

GROUP: Final = Group("runs")


@GROUP.command(
    help="train here on the CPU, or with `remote` on the instance",
    arguments=(here_or_remote(instead="job"),),
    options=(
        Option(name="job", help="a job of the kit [lenet]", default="lenet"),
        Option(name="script", help="a Python program of yours, below the code folder"),
        Option(name="cmd", help="any line of shell"),
        Option(name="args", help='more arguments: "num_epochs=3" for a job, "--epochs 3" for a script'),
        Option(name="workers", help="processes that train together: a number, or gpus for one on each GPU"),
        Option(name="resume", help="go on with this run, from its last checkpoint"),
        Option(name="recover", help="launch again if need be, and go on with the newest unfinished run", flag=True),
        Option(name="queue", help="begin when all that runs on the instance has ended", flag=True),
        Option(name="detach", help="start it and return at once", flag=True),
    ),
    settings=(*WHERE_AM_I, *MACHINE, *LIMITS, "code", "data", "after", "notify", "bucket", "registry", "base_image"),
    needed_here=("code", "data", "notify", "nodes"),
    examples=(
        ("rig train --job lenet", "on this computer"),
        (
            'rig train remote --script mine.py --args "--epochs 3"',
            "a program of yours, on the instance",
        ),
    ),
)
def train(options: Namespace, settings: Settings) -> int:
    if options.where == "remote":
        return _resume(options, settings) if options.resume or options.recover else _train_there(options, settings)
    if options.recover or options.detach or options.queue:
        raise BadSettings("recover, detach and queue are about the instance.", "`rig train remote`, or leave them out")
    return _train_here(options, settings)


def _train_here(options: Namespace, settings: Settings) -> int:
    from infra.cli.follow import print_outcome
    from infra.cli.hints import say
    from infra.cli.progress import show_log
    from infra.cli.train_options import asked_job, workers_from_now_on
    from infra.job.spec import with_workers
    from infra.workflows.notify import notice_end
    from infra.workflows.train_here import RUNS, begin_here, find_unfinished, train_here

    if settings.machines > 1:
        say(f"nodes = {settings.machines} is for `rig train remote`: this is this computer alone", settings)
    if options.resume:
        name, job = find_unfinished(options.resume)
        job = with_workers(job, workers_from_now_on(options, settings))
        say(f"Going on with {name} on this computer", settings)
    else:
        name, job = begin_here(asked_job(options, settings))
        say(f"Training {job.name} on this computer; `make train remote` does it on the instance", settings)
    try:
        with notice_end(settings.notify, RUNS / name, lambda line: say(line, settings)):
            done = train_here(settings, job, name, show_log)
    except KeyboardInterrupt:
        say(f"\nInterrupted. `rig train --resume {name}` goes on from its last checkpoint.", settings)
        return INTERRUPTED
    print_outcome(done)
    return 0


def _train_there(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import show_log
    from infra.cli.train_options import asked_job
    from infra.workflows.train import start_training

    job = asked_job(options, settings)
    rig = open_rig(settings)
    try:
        name = start_training(rig, job, show_log)
    except KeyboardInterrupt:
        rig.tell("\nInterrupted. `rig runs` shows whether the run has begun all the same; `rig cancel` ends it.")
        return INTERRUPTED
    return _stay(options, rig, name)


def _resume(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import show_log
    from infra.cli.screens.money import render_plan
    from infra.cli.train_options import workers_from_now_on
    from infra.workflows.resume import recover, resume

    workers = workers_from_now_on(options, settings)
    rig = open_rig(settings)
    if not options.recover:
        return _stay(options, rig, resume(rig, options.resume, show_log, workers=workers))
    name = recover(rig, options.resume, lambda plan: rig.tell(render_plan(plan)), show_log, workers=workers)
    return _stay(options, rig, name)


def _stay(options: Namespace, rig: Rig, name: str) -> int:
    """Follow the run that was just started, or with `detach` leave it to itself."""
    if options.detach:
        rig.tell("It goes on without this computer. `rig logs` follows it, `rig pull` brings its results home.")
        deliver(name)
        return 0
    from infra.cli.follow import follow

    return follow(rig, name)


@GROUP.command(
    help="follow a run again, then bring it home; of one that is home, its log",
    options=(RUN,),
    settings=(*WHERE_AM_I, "after", "notify"),
    examples=(
        ("rig logs", "of the newest run, until it ends"),
        ("rig logs --run 0b93", "of the run whose name has that in it"),
    ),
)
def logs(options: Namespace, settings: Settings) -> int:
    """With no instance that runs, of the runs at home."""
    from infra.cli.context import open_rig
    from infra.cli.progress import show_log
    from infra.workflows.runs import newest_run, show_log_at_home

    rig = open_rig(settings)
    try:
        name = newest_run(rig, options.run)
    except (UserError, NothingToDo) as nothing_there:
        if not show_log_at_home(rig, options.run, show_log):
            raise
        rig.tell(nothing_there.cause)
        return 0
    from infra.cli.follow import follow

    return follow(rig, name)


@GROUP.command(
    help="one live screen: progress, curves, GPU, money, what will end it; keys to cancel and extend",
    options=(RUN, Option(name="once", help="look once and return", flag=True)),
    settings=(*WHERE_AM_I, "after"),
    examples=(
        ("rig watch", "until the run ends or Ctrl-C; the run does not notice"),
        ("rig watch --once", "one look, for scripts"),
    ),
    live=False,
)
def watch(options: Namespace, settings: Settings) -> int:
    """Until the run ends or Ctrl-C; the run does not notice either."""
    from infra.cli.commands.money import extend
    from infra.cli.context import open_rig
    from infra.cli.watch import watch_run

    def cancel_it(name: str) -> None:
        cancel(Namespace(run=name), settings)

    def extend_it(time: str) -> None:
        extend(Namespace(by=time, yes=False), settings)

    watch_run(open_rig(settings), options.run, once=options.once, cancel=cancel_it, extend=extend_it)
    return 0


@GROUP.command(
    help="fetch results, also while the run goes on",
    options=(RUN_TO_PULL,),
    settings=WHERE_AM_I,
    examples=(
        ("rig pull", "every run that is not home yet"),
        ("rig pull --run 0b93", "one, also while it goes on"),
    ),
)
def pull(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.follow import print_outcome
    from infra.workflows.runs import pull_runs

    for done in pull_runs(open_rig(settings), options.run):
        print_outcome(done)
    return 0


@GROUP.command(
    help="every run, here and on the instance: state, score, time, cost",
    options=(JSON,),
    settings=WHERE_AM_I,
    needed=FIND_IT,  # without the key, those at home
    examples=(
        ("rig runs", "newest last"),
        ("rig runs --json", "for scripts"),
    ),
)
def runs(options: Namespace, settings: Settings) -> int:
    """Those on the instance and those at home; without an instance, or without AWS, those at home."""
    from pathlib import Path

    from infra.cli.context import open_rig
    from infra.cli.hints import say
    from infra.workflows.run_list import in_order, list_all, list_home

    try:
        listed = list_all(open_rig(settings))
    except (UserError, WorldError) as error:
        _print_runs(options, in_order(list_home(Path("runs")).values()))
        if isinstance(error, WorldError):
            raise
        say(error.cause, settings)
        return 0
    _print_runs(options, listed)
    return 0


def _print_runs(options: Namespace, listed: Sequence[ListedRun]) -> None:
    from infra.cli.hints import show
    from infra.cli.screens.runs import render_runs, runs_json

    if options.json:
        deliver(runs_json(listed))
    else:
        show(render_runs(listed), None)


@GROUP.command(
    help="runs side by side: how each went, and what differs",
    arguments=(
        Option(name="runs", help="up to five, by a part of their names; without, the newest", value="RUN", many=True),
    ),
    examples=(
        ("rig compare 0b93 41ff", "two runs, by a part of their names"),
        ("rig compare latest lenet", "the newest run, and the newest of lenet"),
    ),
    live=False,
)
def compare(options: Namespace, settings: Settings) -> int:
    """Those that are home; without names, the two newest."""
    from pathlib import Path

    from infra.cli.hints import show
    from infra.cli.screens.compare import render_comparison
    from infra.workflows.compare import compare_runs

    show(render_comparison(compare_runs(Path("runs"), options.runs.split()), here=Path.cwd()), settings)
    return 0


@GROUP.command(
    help="write down what you think of a run, and give it tags",
    arguments=(
        Option(name="run", help="the run's name, or a part of it; without it, the newest", value="RUN"),
        Option(name="text", help='the note; "" takes it away', default=None, value="TEXT"),
    ),
    options=(Option(name="tags", help='words to find it by: "good lr-sweep"; "" takes them away', default=None),),
    examples=(
        ('rig note lenet "lr 0.1 diverged after epoch 3"', "of the newest lenet"),
        ('rig note 0b93 --tags "good paper"', "two tags, the note as it was; `rig runs` shows both"),
    ),
)
def note(options: Namespace, settings: Settings) -> int:
    from pathlib import Path

    from infra.cli.hints import show
    from infra.workflows.run_list import note_run

    name, written = note_run(Path("runs"), options.run or "latest", text=options.text, tags=options.tags)
    show(f"{name}: {written or 'no note'}", settings)
    return 0


@GROUP.command(
    help="one page over runs/: curves over each other, what differs, what it cost",
    options=(Option(name="open", help="open it in your browser", flag=True),),
    examples=(
        ("rig dashboard", "write runs/dashboard.html"),
        ("rig dashboard --open", "and open it in your browser"),
    ),
)
def dashboard(options: Namespace, settings: Settings) -> int:
    """A file that is complete in itself: no server, nothing loaded from elsewhere."""
    import webbrowser
    from datetime import datetime, timezone
    from pathlib import Path

    from infra.cli.screens.dashboard import render_dashboard
    from infra.workflows.dashboard import write_dashboard

    now = datetime.now(timezone.utc)
    page = write_dashboard(Path("runs"), lambda entries: render_dashboard(entries, now=now))
    deliver(str(page))
    if options.open:
        webbrowser.open(page.resolve().as_uri())
    return 0


@GROUP.command(
    help="ask a run to save and end, then bring it home",
    options=(RUN_TO_CANCEL,),
    settings=WHERE_AM_I,
    examples=(
        ("rig cancel", "the run that goes on"),
        ("rig cancel --run 0b93", "that one"),
    ),
)
def cancel(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.follow import print_outcome
    from infra.workflows.runs import cancel_run

    print_outcome(cancel_run(open_rig(settings), options.run))
    return 0
