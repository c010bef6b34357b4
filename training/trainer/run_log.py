"""What a run tells while it goes: rows in metrics.jsonl and TensorBoard, and lines on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from training.console import Console, duration, number
from training.trainer.group import here
from training.trainer.losses import Losses
from training.trainer.position import Position
from training.trainer.recipe import Scores
from training.trainer.run import Run
from training.trainer.schedule import learning_rate
from training.workdir.metrics import MetricsFile, Row
from training.workdir.names import METRICS, TENSORBOARD
from training.workdir.tensorboard import EventLog


class RunLog:
    def __init__(self, run: Run, console: Console) -> None:
        self._run, self._console, self._leads = run, console, here().leads
        self._metrics = MetricsFile(run.workdir / METRICS)
        self._events = EventLog(run.workdir / TENSORBOARD)

    def begin(self, position: Position) -> None:
        """Drop what an interrupted run wrote after *position*: it comes again."""
        if not self._leads:
            return
        self._metrics.cut_back(position.step)
        self._events.begin(self._metrics.rows())

    def write_due(self, losses: Losses, position: Position) -> None:
        """Write the rows that are due; say the newest."""
        due = losses.take_due(position.step, self._run.config.log_interval)
        rows = [self._write_losses(step, values, position) for step, values in due]
        if rows:
            text = f"{self._name_epoch(position)}  loss {rows[-1]:.4g}  {self._tell_pace(position)}"
            self._console.progress(position.step / self._run.steps, text)

    def write_last_of_epoch(self, losses: Losses, position: Position) -> None:
        """The row of the steps after the last multiple of log_interval, all of them settled."""
        if rest := losses.rest(position.step):
            self._write_losses(position.step, rest, position)
            losses.clear()

    def write_scores(self, position: Position, scores: Scores) -> None:
        self._write(
            {"step": position.step, "epoch": position.epoch + 1, "train_loss": self._train_loss(position)}
            | {f"valid_{name}": value for name, value in scores.items()}
        )

    def say_scores(self, position: Position, scores: Scores, *, praise: str) -> None:
        listed = "  ".join(f"{name} {number(value)}" for name, value in scores.items())
        text = f"{self._name_epoch(position)}  train loss {self._train_loss(position):.4g}  valid {listed}{praise}"
        self._console.progress(position.step / self._run.steps, text, always=True)

    def close(self) -> None:
        if self._leads:
            self._events.close()

    def _write_losses(self, step: int, values: Sequence[float], position: Position) -> float:
        """Row of *step*; *values*: sums over a batch, one of each step since the row before. Returns their mean."""
        position.epoch_loss += sum(values)
        loss = sum(values) / len(values) / self._run.batch_size
        lr = learning_rate(self._run.config, step - 1, self._run.steps)
        self._write({"step": step, "epoch": position.epoch + 1, "loss": loss, "lr": lr})
        return loss

    def _write(self, row: Row) -> None:
        if not self._leads:
            return
        row = {**row, "seconds": round(self._run.timer.total(), 3)}
        self._metrics.append(row)
        self._events.add(row)

    def _train_loss(self, position: Position) -> float:
        """Mean over the examples of the present epoch."""
        return position.epoch_loss / (self._run.steps_per_epoch * self._run.batch_size)

    def _name_epoch(self, position: Position) -> str:
        return f"epoch {position.epoch + 1}/{self._run.config.num_epochs}"

    def _tell_pace(self, position: Position) -> str:
        training_s = self._run.timer.seconds()["training"]
        left_s = (self._run.steps - position.step) * training_s / max(position.step, 1)
        return f"{self._run.samples_per_s(position.step):,.0f} samples/s  {duration(left_s)} left"
