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

from distributed import Future, TimeoutError
from optuna.trial import Trial

from training.console import Console, number
from training.places import Place, places, why_nothing_came
from training.trainer.recipe import Recipe
from training.trainer.signals import StopRequest
from training.tune import trial as one_trial
from training.tune.machines import SMALL_BYTES, STAYS, Machines
from training.tune.page import write_page
from training.tune.space import Space, as_words
from training.tune.study import Study
from training.tune.trial import Outcome
from training.workdir.summary import DONE

LOOK_EVERY_S = 0.2
LOST_S = 20.0
ANSWER_S = 5.0  # a worker that has ended its trial has some numbers to send, or is gone
_NOT_THE_RESULT = (*STAYS, one_trial.LOG, one_trial.PRUNE)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for. *workers*: trials at a time on this machine, which is *place* among several. *within_s*: the
    study ends by then, or infinity; *prunes*: hopeless trials end early."""

    recipe: Recipe
    space: Space
    workdir: Path
    trials: int
    workers: int
    within_s: float
    prunes: bool
    place: Place


@dataclass
class Running:
    """*reported*: the last epoch whose score the study knows."""

    trial: Trial
    future: Future
    node: int
    reported: int = 0


@dataclass
class Tuning:
    order: Order
    study: Study
    console: Console
    stop: StopRequest
    running: dict[int, Running] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    missing: dict[int, float] = field(default_factory=dict)
    machines: Machines = field(init=False)

    def run(self) -> bool:
        """To the end (True), or until time is up or somebody asks to stop; what has not ended goes on another time."""
        began, order = time.monotonic(), self.order
        with places(order.workers, order.workdir / "dask", order.place) as client:
            self.machines = Machines(client, order.workdir, order.recipe.name, order.recipe.best)
            waiting = self.study.left()
            while not self.stop.is_set() and self._time_left(began) > 0:
                while self._may_begin(began, len(waiting)) and (node := self._free_node()) is not None:
                    self._begin(waiting.pop(0) if waiting else self.study.ask(), node)
                if not self.running:
                    break
                self._watch()
                time.sleep(LOOK_EVERY_S)
            unfinished = bool(self.running or waiting or self.study.begun() < order.trials)
            self._end_running()
        return not unfinished

    def _free_node(self) -> int | None:
        return self.machines.free([one.node for one in self.running.values()])

    def _time_left(self, began: float) -> float:
        return self.order.within_s - (time.monotonic() - began)

    def _may_begin(self, began: float, waiting: int) -> bool:
        """Whether there is another trial, and it can be expected to end in time."""
        usual_s = sum(self.took_s) / len(self.took_s) if self.took_s else 0.0
        return bool(waiting or self.study.begun() < self.order.trials) and self._time_left(began) > usual_s

    def _begin(self, trial: Trial, node: int) -> None:
        words = [*self.order.space.fixed, *as_words(trial.params)]
        self.running[trial.number] = Running(trial, self.machines.begin(trial.number, words, node), node)

    def _watch(self) -> None:
        self._begin_anew_elsewhere()
        for node in {one.node for one in self.running.values()}:
            on_it = {number_: one for number_, one in self.running.items() if one.node == node}
            for number_, scores in self.machines.scores(on_it, node).items():
                self._report(on_it[number_], scores)
        for number_, one in list(self.running.items()):
            if one.future.done() and (outcome := self._outcome(one)):
                del self.running[number_]
                self._tell(one, outcome)

    def _begin_anew_elsewhere(self) -> None:
        """The trials of a machine that is lost; a moment without it may be a worker that comes back."""
        for one in self.running.values():
            if one.node in self.machines.look():
                self.missing.pop(one.node, None)
            elif time.monotonic() - self.missing.setdefault(one.node, time.monotonic()) > LOST_S:
                node = self._free_node()
                if node is not None:
                    one.future.cancel()
                    self.console.say(f"node {one.node + 1} is lost: trial {one.trial.number:04} begins anew")
                    words = [*self.order.space.fixed, *as_words(one.trial.params)]
                    one.future, one.node = self.machines.begin(one.trial.number, words, node), node

    def _report(self, one: Running, scores: Mapping[int, float]) -> None:
        """Its scores so far; one that is behind the others at the same epoch is asked to leave off."""
        for epoch, score in scores.items():
            if epoch > one.reported:
                one.reported = epoch
                one.trial.report(score, epoch)
        if self.order.prunes and one.reported and not one.future.done() and one.trial.should_prune():
            self.machines.prune(one.trial.number, one.node)

    def _outcome(self, one: Running) -> Outcome | str | None:
        """What came of it, or why nothing did. None where its machine has gone with it: then it is no longer done, and
        begins anew."""
        if one.future.status != "finished":
            return why_nothing_came(one.future)
        try:
            outcome: Outcome = one.future.result(timeout=ANSWER_S)
        except TimeoutError:
            return None
        return outcome

    def _tell(self, one: Running, outcome: Outcome | str) -> None:
        number_ = one.trial.number
        if isinstance(outcome, str):
            self.study.tell(number_, None, outcome)
            self._say(one, f"failed: {outcome}")
            return
        self._report(one, outcome.scores)
        self.took_s.append(outcome.seconds)
        if outcome.pruned and outcome.reason != DONE:
            self.study.tell_pruned(number_)
            self._say(one, f"left off after epoch {one.reported}: behind the others")
        elif outcome.reason == DONE:
            self._keep(one, outcome.scores)
        elif not self.stop.is_set():
            self.study.tell(number_, None, outcome.said)
            self._say(one, f"failed: {outcome.said}")

    def _keep(self, one: Running, scores: Mapping[int, float]) -> None:
        """Of the best one so far everything is here at once: its machine may be lost before the study ends."""
        score, number_ = self._score(scores), one.trial.number
        self.machines.bring(number_, one.node, most_bytes=SMALL_BYTES)
        self.study.tell(number_, score, "")
        if self.study.best() == number_:
            self.machines.bring(number_, one.node)
        self._say(one, f"{self.order.recipe.best} {number(score)}")

    def _score(self, scores: Mapping[int, float]) -> float:
        """Of the epoch whose weights the trial keeps, on its validation split."""
        found = list(scores.values())
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
        self.machines.end_trials()


def leave_result(order: Order, study: Study) -> int | None:
    """Make the study's folder that of its best trial, with a table and a page of all; the best one's number."""
    best = study.best()
    rows = table(study)
    (order.workdir / "trials.json").write_text(json.dumps(rows, indent=2) + "\n")
    write_page(order.workdir / "tune.html", order.recipe, study, rows, best)
    if best is not None:
        folder = one_trial.folder_of(order.workdir, best)
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
