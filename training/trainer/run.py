"""One run as a value: what is trained, with what, where. The loop, the evaluation and the report are all given it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.compat import NDArray, mx
from training.config import JobConfig
from training.data.splits import Data
from training.environment import RunEnvironment
from training.trainer import checkpoint
from training.trainer.devices import DeviceChoice
from training.trainer.learner import Learner
from training.trainer.recipe import Recipe
from training.trainer.schedule import batch_size, steps_per_epoch
from training.trainer.timer import Timer
from training.workdir.names import BEST_WEIGHTS


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: what is done, with what, where. Only the learner and the timer move."""

    recipe: Recipe
    config: JobConfig
    workdir: Path
    data: Data
    learner: Learner
    device: DeviceChoice
    environment: RunEnvironment
    timer: Timer

    @property
    def batch_size(self) -> int:
        return batch_size(self.config, len(self.data.train))

    @property
    def steps_per_epoch(self) -> int:
        return steps_per_epoch(self.config, len(self.data.train))

    @property
    def steps(self) -> int:
        """In the whole run."""
        return self.steps_per_epoch * self.config.num_epochs

    def samples_per_s(self, step: int) -> float:
        """Of the first *step* steps, by the time spent training."""
        return step * self.batch_size / max(self.timer.seconds().get("training", 0.0), 1e-9)

    def save_best(self, weights: Mapping[str, NDArray]) -> None:
        """*weights* as the learner names and shapes them, into best.params. Raises DiskFull."""
        checkpoint.replace_arrays(self.workdir / BEST_WEIGHTS, weights)

    def load_best(self) -> None:
        self.learner.load_weights(mx.nd.load(str(self.workdir / BEST_WEIGHTS)))
