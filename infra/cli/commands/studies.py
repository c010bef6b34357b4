"""The group "studies": tune."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from infra.cli.arguments import Group, Option
from infra.cli.options import WHERE_AM_I, here_or_remote
from infra.console import deliver
from infra.errors import INTERRUPTED, BadSettings
from infra.settings import Settings
from infra.text import whole_number

if TYPE_CHECKING:
    from infra.job.spec import Job

GROUP: Final = Group("studies")
_MOST: Final = 100_000  # trials; minutes of two months


@GROUP.command(
    help="many runs of one job with different settings, side by side; the best one is the result",
    arguments=(here_or_remote(instead="job"),),
    options=(
        Option(name="job", help="a job of the kit [turbofan]", default="turbofan"),
        Option(name="space", help="a file of TOML: what may vary, and how far"),
        Option(name="trials", help="how many runs in all [16]", default="16"),
        Option(name="workers", help="how many at a time on each machine [one on each GPU, or core]"),
        Option(name="minutes", help="end by then; what has not ended goes on with --resume"),
        Option(name="sampler", help="even, or tpe, which learns [even]", default="even", choices=("even", "tpe")),
        Option(name="no-pruning", help="let runs that are behind the others go on to their end", flag=True),
        Option(name="args", help='what every run is given: "num_epochs=3"'),
        Option(name="resume", help="go on with this study"),
    ),
    settings=(*WHERE_AM_I, "nodes", "budget", "code", "data", "after", "notify", "bucket", "registry", "base_image"),
    examples=(
        ("rig tune --job turbofan --space space.toml", "16 runs, one on each core"),
        (
            "rig tune remote --space space.toml --nodes 4 --budget 5",
            "on a group; ends in time to bring the best run home",
        ),
    ),
)
def tune(options: Namespace, settings: Settings) -> int:
    if options.where == "remote" or settings.machines > 1:
        return _tune_there(options, settings)
    return _tune_here(options, settings)


def _tune_there(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.follow import follow
    from infra.cli.progress import show_log
    from infra.job.spec import tune_job_there
    from infra.workflows.resume import resume
    from infra.workflows.tune import start_study

    if options.resume:
        rig = open_rig(settings)
        return follow(rig, resume(rig, options.resume, show_log))
    job, minutes = _study(options, settings, tune_job_there), float(options.minutes or 0)
    rig = open_rig(settings)
    return follow(rig, start_study(rig, job, minutes, show_log))


def _tune_here(options: Namespace, settings: Settings) -> int:
    from pathlib import Path

    from infra.cli.hints import say
    from infra.cli.progress import show_log
    from infra.cli.screens.runs import render_outcome
    from infra.job import artifacts
    from infra.job.spec import tune_job
    from infra.workflows.train_here import begin_here, find_study, train_here

    name, job = find_study(options.resume) if options.resume else begin_here(_study(options, settings, tune_job))
    say(f"{'Going on with' if options.resume else 'Beginning'} {name} on this computer", settings)
    try:
        done = train_here(settings, job, name, show_log)
    except KeyboardInterrupt:
        say(f"\nInterrupted. `rig tune --resume {name}` goes on with what has not ended.", settings)
        return INTERRUPTED
    deliver(render_outcome(done, artifacts.summary(done.folder), here=Path.cwd()))
    return 0


def _study(options: Namespace, settings: Settings, phrase: Callable[..., Job]) -> Job:
    from pathlib import Path

    from infra.job.spec import existing_folder

    if not options.space:
        raise BadSettings("space is missing: what may vary?", "`rig tune --space space.toml`; docs/scaling.md has one")
    numbers = {name: getattr(options, name) for name in ("trials", "workers", "minutes") if getattr(options, name)}
    for name, text in numbers.items():
        if not whole_number(text, most=_MOST):
            hint = "`rig tune --trials 16 --workers 4 --minutes 30`"
            raise BadSettings(f"{name} = {text[:20]!r}: not a whole number from 1 to {_MOST:,}.", hint)
    words = [word for name, text in numbers.items() for word in (f"--{name}", text)]
    words += ["--sampler", options.sampler, *(["--no-pruning"] if options.no_pruning else [])]
    code = existing_folder(settings.code, "code")
    return phrase(options.job, code, Path(options.space).expanduser(), options.args, words)
