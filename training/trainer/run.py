"""One run as a value: what is trained, with what, where. The loop, the evaluation and the report are all given it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.compat import NDArray, mx
from training.config import JobConfig
from training.data.splits import Data
from training.environment import Surroundings
from training.trainer import checkpoint
from training.trainer.devices import Choice
from training.trainer.learner import Learner
from training.trainer.recipe import Recipe
from training.trainer.timer import Clock
from training.workdir.names import BEST_WEIGHTS


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: what is done, with what, where. Only the learner and the clock move."""

    recipe: Recipe
    config: JobConfig
    workdir: Path
    data: Data
    learner: Learner
    device: Choice
    around: Surroundings
    clock: Clock

    def save_best(self, weights: Mapping[str, NDArray]) -> None:
        checkpoint.replace_arrays(self.workdir / BEST_WEIGHTS, weights)

    def load_best(self) -> None:
        self.learner.load_weights(mx.nd.load(str(self.workdir / BEST_WEIGHTS)))
