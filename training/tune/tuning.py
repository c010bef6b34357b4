"""The course of a study: ask, run side by side, watch, tell; stop in time; leave the best run as the result."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from distributed import Client, Future
from optuna.trial import Trial

from training.console import Console, number
from training.trainer.recipe import Recipe
from training.trainer.signals import StopRequest
from training.tune import trial as one_trial
from training.tune.page import write_page
from training.tune.places import places
from training.tune.space import Space, as_words
from training.tune.study import Study
from training.workdir.names import CHECKPOINTS, TENSORBOARD
from training.workdir.summary import DONE

TRIALS = "trials"
LOOK_EVERY_S = 0.2
_NOT_THE_RESULT = (CHECKPOINTS, TENSORBOARD, one_trial.LOG, one_trial.PRUNE)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for. *within_s*: the study ends by then, or infinity; *prunes*: hopeless trials end early."""

    recipe: Recipe
    space: Space
    workdir: Path
    trials: int
    workers: int
    within_s: float
    prunes: bool


@dataclass
class Running:
    trial: Trial
    future: Future
    reported: int = 0
    """The last epoch whose score the study knows."""


@dataclass
class Tuning:
    order: Order
    study: Study
    console: Console
    stop: StopRequest
    running: dict[int, Running] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)

    def run(self) -> bool:
        """To the end (True), or until time is up or somebody asks to stop; what has not ended goes on another time."""
        began = time.monotonic()
        with places(self.order.workers, str(self.order.workdir / "dask")) as client:
            waiting = self.study.left()
            while not self.stop.is_set() and self._time_left(began) > 0:
                while len(self.running) < self.order.workers and self._may_begin(began, len(waiting)):
                    self._begin(client, waiting.pop(0) if waiting else self.study.ask())
                if not self.running:
                    break
                self._watch()
                time.sleep(LOOK_EVERY_S)
            unfinished = bool(self.running or waiting or self.study.begun() < self.order.trials)
            self._end_running()
        shutil.rmtree(self.order.workdir / "dask", ignore_errors=True)
        return not unfinished

    def _time_left(self, began: float) -> float:
        return self.order.within_s - (time.monotonic() - began)

    def _may_begin(self, began: float, waiting: int) -> bool:
        """Whether there is another trial, and it can be expected to end in time."""
        usual_s = sum(self.took_s) / len(self.took_s) if self.took_s else 0.0
        return bool(waiting or self.study.begun() < self.order.trials) and self._time_left(began) > usual_s

    def _folder(self, number: int) -> Path:
        return self.order.workdir / TRIALS / f"{number:04}"

    def _begin(self, client: Client, trial: Trial) -> None:
        words = [*self.order.space.fixed, *as_words(trial.params)]
        place = (self.order.recipe.name, str(self._folder(trial.number)), words)
        future = client.submit(one_trial.run_trial, *place, pure=False, key=f"trial-{trial.number}")
        self.running[trial.number] = Running(trial, future)

    def _watch(self) -> None:
        for number_, one in list(self.running.items()):
            self._report(one)
            if one.future.done():
                del self.running[number_]
                self._tell(one)

    def _report(self, one: Running) -> None:
        """Its scores so far; one that is behind the others at the same epoch is asked to leave off."""
        folder = self._folder(one.trial.number)
        for epoch, score in one_trial.scores(folder, self.order.recipe.best).items():
            if epoch > one.reported:
                one.reported = epoch
                one.trial.report(score, epoch)
        if self.order.prunes and one.reported and not one.future.done() and one.trial.should_prune():
            (folder / one_trial.PRUNE).touch()

    def _tell(self, one: Running) -> None:
        self._report(one)
        number_, folder = one.trial.number, self._folder(one.trial.number)
        if one.future.status != "finished":  # three workers died of it
            self.study.tell(number_, None, "its worker died again and again; is there enough memory?")
            self._say(one, "failed: its worker died again and again")
            return
        outcome = one.future.result()
        self.took_s.append(outcome.seconds)
        if (folder / one_trial.PRUNE).exists() and outcome.reason != DONE:
            self.study.tell_pruned(number_)
            self._say(one, f"left off after epoch {one.reported}: behind the others")
        elif outcome.reason == DONE:
            self.study.tell(number_, self._score(folder), "")
            self._say(one, f"{self.order.recipe.best} {number(self._score(folder))}")
        elif not self.stop.is_set():
            self.study.tell(number_, None, outcome.said)
            self._say(one, f"failed: {outcome.said}")

    def _score(self, folder: Path) -> float:
        """Of the epoch whose weights the trial keeps, on its validation split."""
        found = list(one_trial.scores(folder, self.order.recipe.best).values())
        if self.order.recipe.last_is_best:
            return found[-1]
        return max(found) if self.order.recipe.higher_is_better else min(found)

    def _say(self, one: Running, text: str) -> None:
        done = self.study.begun() - len(self.running)
        settings = "  ".join(f"{key}={value}" for key, value in one.trial.params.items())
        line = f"trial {one.trial.number:04}  {text}  ({settings})"
        self.console.progress(done / self.order.trials, line, always=True)

    def _end_running(self) -> None:
        """Trials save a checkpoint and end; the next part of the study goes on with them."""
        if not self.running:
            return
        self.console.say(f"stopping {len(self.running)} trials; each saves a checkpoint")
        here = psutil.Process().children(recursive=True)
        trials = [one for one in here if _is_trial(one, self.order.recipe.name)]
        for process in trials:
            process.terminate()
        psutil.wait_procs(trials, timeout=45)


def _is_trial(process: psutil.Process, job: str) -> bool:
    try:
        return process.cmdline()[1:4] == ["-m", "training", job]
    except psutil.Error:
        return False


def leave_result(order: Order, study: Study) -> int | None:
    """Make the study's folder that of its best trial, with a table and a page of all; the best one's number."""
    best = study.best()
    rows = table(study)
    (order.workdir / "trials.json").write_text(json.dumps(rows, indent=2) + "\n")
    write_page(order.workdir / "tune.html", order.recipe, study, rows, best)
    if best is not None:
        folder = order.workdir / TRIALS / f"{best:04}"
        for path in folder.iterdir():
            if path.name in _NOT_THE_RESULT:
                continue
            if path.is_dir():
                shutil.copytree(path, order.workdir / path.name, dirs_exist_ok=True)
            else:
                shutil.copy2(path, order.workdir / path.name)
    return best


def table(study: Study) -> list[Mapping[str, Any]]:
    """A row for each trial that has begun: its settings, how it ended, its score on the validation split."""
    begun = [one for one in study.optuna.get_trials(deepcopy=False) if one.state.name != "WAITING"]
    return [
        {
            "trial": one.number,
            "state": {"COMPLETE": "done", "PRUNED": "left off", "FAIL": "failed", "RUNNING": "not finished"}[
                one.state.name
            ],
            "score": one.value if one.value is not None and math.isfinite(one.value) else None,
            "seconds": round(one.duration.total_seconds(), 1) if one.duration else None,
            "settings": one.params,
            "note": study.note(one.number),
        }
        for one in begun
    ]
