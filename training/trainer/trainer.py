"""The epochs of a run: steps, log rows, evaluation, best weights, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from training.compat import NDArray, mx
from training.config import differences
from training.console import Console, duration, number
from training.errors import BadCheckpoint, NonFiniteLoss
from training.trainer import checkpoint
from training.trainer.evaluate import predict
from training.trainer.losses import (
    NOT_FINITE_HINT,
    Lead,
    Losses,
    Position,
    batch_size,
    epoch_order,
    learning_rate,
    reseed,
    steps_per_epoch,
)
from training.trainer.recipe import Scores
from training.trainer.run import Run
from training.trainer.signals import StopRequest
from training.workdir import names
from training.workdir.atomic import clear_aside
from training.workdir.metrics import MetricsFile, Row
from training.workdir.summary import Summary
from training.workdir.tensorboard import EventLog


def _of_kind(arrays: Mapping[str, NDArray], kind: str) -> dict[str, NDArray]:
    """The arrays named "*kind*/name", by name."""
    return {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(kind + "/")}


def _require_same_data(path: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed = [
        f"{name}: {then[name]} then, {now[name]} now" for name in now if name in then and then[name] != now[name]
    ]
    if changed:
        raise BadCheckpoint(
            f"{path} is of a run on other data:\n" + "\n".join(f"  - {line}" for line in changed),
            "bring the data of then back, or take another --workdir",
        )


class Training:
    """The epochs: what moves (position, losses, best score) around what stays (the run)."""

    def __init__(self, run: Run, console: Console) -> None:
        self.run, self.console = run, console
        self.config, self.learner = run.config, run.learner
        self.checkpoints = run.workdir / names.CHECKPOINTS
        self.metrics = MetricsFile(run.workdir / names.METRICS)
        self.events = EventLog(run.workdir / names.TENSORBOARD)
        self.position = Position()
        self.data_identity = run.data.identity()
        self.losses = Losses([])
        self.lead = Lead()
        self.batch_size = batch_size(run.config, len(run.data.train))
        self.batches = steps_per_epoch(run.config, len(run.data.train))
        self.steps = self.batches * run.config.num_epochs
        # Goes into every checkpoint: a run whose other files are lost can still be finished from its checkpoint.
        self._best: dict[str, NDArray] = {}
        self._saved_at = time.monotonic()
        self._X, self._y = self._on_device(run.data.train.X), self._on_device(run.data.train.y)

    def _on_device(self, part: Any) -> Any:
        return mx.nd.array(part, dtype=part.dtype, ctx=self.learner.home)

    def resume(self) -> None:
        """Go to the newest checkpoint, if there is one. Raises BadCheckpoint."""
        path = checkpoint.newest(self.checkpoints)
        if path is not None:
            self._take_over(path)
            self.console.say(f"going on from {path.name}: epoch {self.position.epoch + 1}, batch {self.position.batch}")
        for folder in (self.run.workdir, self.checkpoints):
            clear_aside(folder)
        self.metrics.cut_back(self.position.step)
        self.events.begin(self.metrics.rows())

    def _take_over(self, path: Path) -> None:
        arrays, state = checkpoint.load(path)
        changed = differences(self.config, state.get("config", {}))
        if changed:
            raise BadCheckpoint(
                f"{path} is of a run with other settings:\n" + "\n".join(f"  - {line}" for line in changed),
                "repeat the settings it was begun with, or take another --workdir",
            )
        _require_same_data(path, state.get("data", {}), self.data_identity)
        try:
            self.learner.load_weights(_of_kind(arrays, "weight"))
            self.learner.load_state(_of_kind(arrays, "state"), state["optimizer"])
            self.position = Position.from_json(state["position"])
            self.run.clock.add(state["seconds"])
        except (KeyError, TypeError, ValueError, AssertionError, mx.base.MXNetError) as error:
            raise BadCheckpoint(
                f"{path} does not fit the job {self.run.recipe.name} ({error}). It was left as it is.",
                "take another --workdir",
            ) from error
        self._best = _of_kind(arrays, "best")
        if self._best:
            self.run.save_best(self._best)
        self.losses = Losses(self.position.pending)

    def fit(self, stop: StopRequest) -> bool:
        """Train to the end (True), or save a checkpoint and leave off when *stop* is asked for (False)."""
        while self.position.epoch < self.config.num_epochs:
            if not self._epoch(stop):
                self._save()
                return False
            self._end_epoch()
        self.events.close()
        return True

    def _epoch(self, stop: StopRequest) -> bool:
        self.run.clock.switch("training")
        order = epoch_order(len(self.run.data.train), self.config.seed, self.position.epoch)
        batches = self.run.recipe.minibatches(self._X, self._y, self.batch_size, order)
        for X, y in islice(batches, self.position.batch, None):
            # At the last batch the end of the epoch is the better place to stop and to save.
            if stop.asked():
                return False
            self._step(X, y)
            if self.position.batch < self.batches and self._save_is_due():
                self._save()
        return True

    def _step(self, X: Any, y: Any) -> None:
        if self.learner.draws:
            reseed(self.config.seed, self.position.step)
        lr = learning_rate(self.config, self.position.step, self.steps)
        self.losses.add(self.learner.step(X, y, lr))
        self.position.step += 1
        self.position.batch += 1
        if self.lead.due():
            self.lead.waited(self.losses.settle(self.lead.stride))
            self._log()

    def _log(self) -> None:
        """Write the rows that are due; say the newest."""
        rows = [self._log_row(*due) for due in self.losses.take_due(self.position.step, self.config.log_interval)]
        if rows:
            self.console.progress(self._fraction(), f"{self._epoch_name()}  loss {rows[-1]:.4g}  {self._pace()}")

    def _rest(self) -> list[float]:
        """Wait for every step, write the rows that are due, and give the losses that no row has yet."""
        self.losses.settle()
        self._log()
        return self.losses.rest(self.position.step)

    def _log_row(self, step: int, values: Sequence[float]) -> float:
        self.position.epoch_loss += sum(values)
        loss = sum(values) / len(values) / self.batch_size
        lr = learning_rate(self.config, step - 1, self.steps)
        self._record({"step": step, "epoch": self.position.epoch + 1, "loss": loss, "lr": lr})
        return loss

    def _record(self, row: Row) -> None:
        row = {**row, "seconds": round(self.run.clock.total(), 3)}
        self.metrics.append(row)
        self.events.add(row)

    def _end_epoch(self) -> None:
        if rest := self._rest():
            self._log_row(self.position.step, rest)
            self.losses.clear()
        train_loss = self.position.epoch_loss / (self.batches * self.batch_size)
        self.run.clock.switch("evaluating")
        scores = self._evaluate()
        self._record(
            {"step": self.position.step, "epoch": self.position.epoch + 1, "train_loss": train_loss}
            | {f"valid_{name}": value for name, value in scores.items()}
        )
        best = self._keep_best(scores[self.run.recipe.best])
        said = "  ".join(f"{name} {number(value)}" for name, value in scores.items())
        text = f"{self._epoch_name()}  train loss {train_loss:.4g}  valid {said}{self._praise() if best else ''}"
        self.console.progress(self._fraction(), text, always=True)
        self.position.epoch += 1
        self.position.batch, self.position.epoch_loss = 0, 0.0
        self._save()

    def _praise(self) -> str:
        return "" if self.run.recipe.last_is_best else "  best so far"

    def _evaluate(self) -> Scores:
        found = predict(self.learner, self.run.data.valid, self.batch_size)
        return self.run.recipe.metrics(found.outputs, found.y)

    def _keep_best(self, score: float) -> bool:
        if not self.run.recipe.better(score, self.position.best_score):
            return False
        self.position.best_score, self.position.best_epoch = score, self.position.epoch + 1
        self.run.clock.switch("saving")
        self._best = {name: array.copyto(mx.cpu()) for name, array in self.learner.weights().items()}
        self.run.save_best(self._best)
        return True

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at >= self.config.checkpoint_every_s

    def _save(self) -> None:
        """A checkpoint of this very step. The losses are read first: what is not finite is never saved."""
        self.position.pending = self._rest()
        self.run.clock.switch("saving")
        weights = self.learner.weights()
        self._require_finite(weights)
        state = {
            "position": self.position.to_json(),
            "optimizer": self.learner.counts(),
            "seconds": self.run.clock.seconds(),
            "config": asdict(self.config),
            "data": self.data_identity,
        }
        arrays = {f"weight/{name}": array for name, array in weights.items()}
        arrays |= {f"state/{name}": array for name, array in self.learner.state().items()}
        arrays |= {f"best/{name}": array for name, array in self._best.items()}
        checkpoint.save(self.checkpoints, self.position.step, arrays, state, keep=self.config.keep)
        self._saved_at = time.monotonic()
        self.run.clock.switch("training")
        self.lead.begin()

    def _require_finite(self, weights: Mapping[str, NDArray]) -> None:
        """A loss may be finite and the update after it not. Raises NonFiniteLoss; nothing is saved then."""
        sums = {name: array.astype("float32").sum() for name, array in weights.items()}
        bad = [name for name, value in sums.items() if not math.isfinite(value.asscalar())]
        if bad:
            raise NonFiniteLoss(
                f"The weights {', '.join(bad[:3])} are no finite numbers any more after step {self.position.step}.",
                NOT_FINITE_HINT,
            )

    def summary(self, reason: str, message: str = "") -> Summary:
        seconds = self.run.clock.seconds()
        return Summary(
            job=self.run.recipe.name,
            reason=reason,
            metric=self.run.recipe.best,
            score=self.position.best_score,
            higher_is_better=self.run.recipe.higher_is_better,
            seconds=round(sum(seconds.values()), 2),
            samples_per_s=round(self._samples_per_s(seconds)),
            device=str(self.run.device),
            epochs=self.position.epoch,
            steps=self.position.step,
            best_epoch=self.position.best_epoch,
            message=message,
        )

    def _samples_per_s(self, seconds: dict[str, float]) -> float:
        return self.position.step * self.batch_size / max(seconds.get("training", 0.0), 1e-9)

    def _fraction(self) -> float:
        return self.position.step / self.steps

    def _epoch_name(self) -> str:
        return f"epoch {self.position.epoch + 1}/{self.config.num_epochs}"

    def _pace(self) -> str:
        seconds = self.run.clock.seconds()
        left = (self.steps - self.position.step) * seconds["training"] / max(self.position.step, 1)
        return f"{self._samples_per_s(seconds):,.0f} samples/s  {duration(left)} left"
