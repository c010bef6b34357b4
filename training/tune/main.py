"""`python -m training tune JOB --workdir DIR --space FILE [--trials N] [key=value ...]`: see `--help`."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from training.config import Parser
from training.console import Console, number
from training.errors import BadInput
from training.numerals import read_whole
from training.places import Place, add_options, lend, read_place, slots_here
from training.trainer.signals import StopRequest

if TYPE_CHECKING:
    from training.trainer.recipe import Recipe

MISSING = "Tuning needs Optuna, Dask and Plotly, and they are not installed here."


def main(words: Sequence[str], stop: StopRequest) -> int:
    options = _read(words)
    if any(find_spec(name) is None for name in ("optuna", "distributed", "plotly")):
        raise BadInput(MISSING, "`make extra-tune` installs them (75 MB)")
    from training.jobs import load
    from training.tune.trial import FOLDER

    recipe, place = load(options.job), read_place(options)
    workdir = options.workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    os.environ[FOLDER] = str(workdir)
    workers = min(options.workers or slots_here(), options.trials)
    if place.node:
        return _lend(workers, workdir, place, recipe.name, stop)
    from training.tune.study import trouble_explained

    with trouble_explained(workdir):
        return _lead(options, workers, workdir, place, recipe, stop)


def _lead(
    options: argparse.Namespace, workers: int, workdir: Path, place: Place, recipe: Recipe, stop: StopRequest
) -> int:
    """The study itself, on this machine or from here on several; the exit code."""
    from training.tune.space import read_space
    from training.tune.study import Study
    from training.tune.tuning import Order, Tuning, leave_result

    space = read_space(options.space, recipe.config, tuple(options.settings))
    order = Order(
        recipe=recipe, space=space, workdir=workdir, trials=options.trials, workers=workers,
        within_s=options.minutes * 60 or math.inf, prunes=not options.no_pruning, place=place,
    )  # fmt: skip
    study = Study(
        workdir, space, higher_is_better=recipe.higher_is_better, seed=options.seed, learns=options.sampler == "tpe"
    )
    study.plan(options.trials)
    console = Console()
    where = f"{workers} at a time" if place.nodes == 1 else f"on {place.nodes} machines"
    console.say(f"{options.trials} trials of {recipe.name}, {where}, over {', '.join(space.open)}")
    whole = Tuning(order, study, console, stop).run()
    best = leave_result(order, study)
    if best is not None:
        value = study.optuna.best_value
        console.say(f"best: trial {best:04}, validation {recipe.best} {number(value)}; it is this folder's result")
    console.say(f"all trials: {workdir / 'tune.html'}")
    if not whole:
        why = f"stopped by {stop.signal_name}" if stop.is_set() else "the time is up"
        console.say(f"{why}: {study.begun()} of {options.trials} trials were begun; the same work folder goes on")
    if stop.signal_name == "SIGINT":
        return 130
    return 0 if best is not None or stop.is_set() else 1


def _lend(workers: int, workdir: Path, place: Place, job: str, stop: StopRequest) -> int:
    """This machine's places for the study of node 0; asked to stop, its trials save and end first."""
    from training.tune.trial import end_trials

    def stopped() -> bool:
        if stop.is_set():
            end_trials(job, os.getpid())
        return stop.is_set()

    lend(workers, workdir / "dask", place, stopped)
    return 0


def _read(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m training tune", description="Many runs of one job.")
    parser.add_argument("job")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="what every trial is given")
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--space", required=True, help="what varies: a file of TOML, or its text; docs/scaling.md")
    parser.add_argument("--trials", type=_positive, default=16)
    parser.add_argument("--workers", type=int, default=0, help="trials at a time; 0: one on each GPU, or each core")
    parser.add_argument("--minutes", type=float, default=0, help="end by then; what has not ended goes on another time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sampler", choices=("even", "tpe"), default="even", help="tpe learns from earlier trials")
    parser.add_argument("--no-pruning", action="store_true", help="let hopeless trials run to their end")
    add_options(parser)
    return parser.parse_intermixed_args(list(words))


def _positive(text: str) -> int:
    value = read_whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
