"""The loop: `train_and_evaluate(recipe, config, workdir)`, the same on a laptop, in a test and in a container.

A run's random numbers depend on (seed, epoch) for the order of the examples and on (seed, step) for the rest, and the
learning rate on the step alone. So a checkpoint needs only arrays and a position, and a resumed run gives the numbers
of an unbroken one.
"""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

from training.compat import mx, tuned
from training.config import JobConfig, differences
from training.console import Console
from training.data.splits import Data
from training.environment import RunEnvironment
from training.errors import BadCheckpoint, BadInput, TrainingError
from training.finalize import finalize
from training.trainer import devices
from training.trainer.group import here
from training.trainer.recipe import Recipe
from training.trainer.run import Run
from training.trainer.schedule import batch_size
from training.trainer.signals import StopRequest
from training.trainer.summarize import summarize
from training.trainer.timer import Timer
from training.trainer.trainer import Training
from training.trainer.usage import gpus_of, sample_usage
from training.workdir.names import USAGE
from training.workdir.settings import read_settings, write_settings
from training.workdir.summary import DONE, FAILED, INTERRUPTED, Summary, is_done


def train_and_evaluate(
    recipe: Recipe,
    config: JobConfig,
    workdir: Path,
    *,
    console: Console | None = None,
    stop: StopRequest | None = None,
) -> Summary:
    """Train, keep the best epoch's weights, look at the test split once, and leave a report; all in *workdir*.

    A folder with a checkpoint is gone on with. Raises TrainingError; what was there before stays as it was.
    """
    stop = stop or StopRequest()
    with here().watched():
        return _train(recipe, config, workdir, console or _console(), stop)


def _console() -> Console:
    """Of several workers the first one speaks."""
    return Console() if here().leads else Console(io.StringIO())


def _train(recipe: Recipe, config: JobConfig, workdir: Path, console: Console, stop: StopRequest) -> Summary:
    timer = Timer("reading data")
    _check_workdir(workdir, recipe, config)
    console.say(tuned())
    data = recipe.data(config).limit(config.limit)
    here().require_same_data(data.identity())
    here().require_shares(batch_size(config, len(data.train)), len(data.train))
    timer.switch("starting up")
    environment = RunEnvironment.read()
    chosen = _choose(recipe, config, data, gpu_required=environment.gpu_required)
    console.say(f"device {chosen}: {chosen.why}")
    learner = recipe.learner(config, data, chosen.devices)
    run = Run(
        recipe=recipe,
        config=config,
        workdir=workdir,
        data=data,
        learner=learner,
        device=chosen,
        environment=environment,
        timer=timer,
    )
    training = Training(run, console)
    training.resume()
    if here().writes:
        workdir.mkdir(parents=True, exist_ok=True)
        write_settings(workdir, recipe.name, config)
    return _to_the_end(run, training, console, stop)


def _to_the_end(run: Run, training: Training, console: Console, stop: StopRequest) -> Summary:
    try:
        if _fit(run, training, stop):
            here().leave()
            done = summarize(run, training.position, DONE)
            return finalize(run, done, console) if here().leads else done
    except TrainingError as error:
        with suppress(TrainingError):  # a full disk takes this file too, and the first reason is the one to hear
            _write(summarize(run, training.position, FAILED, error.cause), run)
        raise
    summary = summarize(run, training.position, INTERRUPTED, stop.signal_name)
    _write(summary, run)
    console.say(f"stopped by {stop.signal_name} after step {summary.steps}; the same work folder goes on from there")
    return summary


def _fit(run: Run, training: Training, stop: StopRequest) -> bool:
    """Train; the first of several workers notes how busy its machine is meanwhile."""
    if not here().leads:
        return training.fit(stop)
    gpus = gpus_of(run.device.devices)
    with sample_usage(run.workdir / USAGE, seconds_before=run.timer.total(), gpus=gpus):
        return training.fit(stop)


def _write(summary: Summary, run: Run) -> None:
    if here().leads:
        summary.write(run.workdir)


def _check_workdir(workdir: Path, recipe: Recipe, config: JobConfig) -> None:
    if workdir.exists() and not workdir.is_dir():
        raise BadInput(f"{workdir} is a file.", "say a folder: --workdir runs/mine")
    recorded = read_settings(workdir)
    if not recorded:
        return
    if recorded.get("job") != recipe.name:
        raise BadInput(f"{workdir} holds a run of the job {recorded.get('job')}.", "take another --workdir")
    changed = differences(config, recorded)
    if changed:
        raise BadCheckpoint(
            f"{workdir} was begun with other settings:\n" + "\n".join(f"  - {line}" for line in changed),
            "repeat the settings it was begun with, or take another --workdir",
        )
    if is_done(workdir):
        raise BadInput(f"{workdir} holds a finished run of {recipe.name}.", "take another --workdir to train again")


def _choose(recipe: Recipe, config: JobConfig, data: Data, *, gpu_required: bool) -> devices.DeviceChoice:
    def seconds_per_step(on: tuple[Any, ...]) -> float:
        learner = recipe.learner(config, data, on)
        examples = here().share(batch_size(config, len(data.train)))
        X = mx.nd.array(data.train.X[:examples], dtype=data.train.X.dtype, ctx=learner.home)
        y = mx.nd.array(data.train.y[:examples], dtype=data.train.y.dtype, ctx=learner.home)
        return devices.time_steps(lambda: learner.step(X, y, config.lr))

    batch = batch_size(config, len(data.train))
    group = here()
    if group.size == 1:
        return devices.choose(config, batch=batch, gpu_required=gpu_required, seconds_per_step=seconds_per_step)
    return devices.choose_for_worker(
        config, group, batch=group.share(batch), gpu_required=gpu_required, seconds_per_step=seconds_per_step
    )
