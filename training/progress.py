"""Where a run stands: the position in the epochs, the losses not yet logged, the best score so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from training.compat import NDArray, mx
from training.config import JobConfig
from training.errors import NonFiniteLoss
from training.recipe import Array


@dataclass
class Position:
    """Everything here goes into a checkpoint, as JSON: floats survive it exactly."""

    step: int = 0
    """Steps done in the whole run."""
    epoch: int = 0
    """Epochs done."""
    batch: int = 0
    """Batches done in the present epoch."""
    epoch_loss: float = 0.0
    """Sum of the losses read in the present epoch."""
    pending: list[float] = field(default_factory=list)
    """Losses of the steps since the last log row, one per step."""
    best_score: float | None = None
    best_epoch: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> Position:
        return cls(**recorded)


class Losses:
    """Losses of the steps since the last log row. They stay on the device until they are read, all at once."""

    def __init__(self, pending: list[float]) -> None:
        self._read: list[float] = list(pending)
        self._unread: list[NDArray] = []

    def add(self, loss: NDArray) -> None:
        self._unread.append(loss)

    def __len__(self) -> int:
        return len(self._read) + len(self._unread)

    def read(self, step: int) -> list[float]:
        """All of them; *step* is the run's step now. Raises NonFiniteLoss naming the first bad step."""
        if self._unread:
            together = mx.nd.concat(*(loss.reshape((1,)) for loss in self._unread), dim=0)
            self._read += [float(value) for value in together.asnumpy()]
            self._unread = []
        bad = [step - len(self._read) + 1 + i for i, value in enumerate(self._read) if not np.isfinite(value)]
        if bad:
            raise NonFiniteLoss(
                f"The loss became {self._read[bad[0] - step - 1]} at step {bad[0]} (noticed at step {step}).",
                "a smaller lr, or clip=1, is the usual cure; checkpoints from before are kept",
            )
        return self._read

    def take(self, step: int) -> list[float]:
        """Read, and begin a new list."""
        taken = self.read(step)
        self._read = []
        return taken


def batch_size(config: JobConfig, examples: int) -> int:
    """Fewer examples than a batch: then that is the batch."""
    return min(config.batch_size, examples)


def steps_per_epoch(config: JobConfig, examples: int) -> int:
    return examples // batch_size(config, examples)


def epoch_order(examples: int, seed: int, epoch: int) -> Array:
    """The order of the examples in *epoch*: depends on nothing else, so that a resumed run finds it again."""
    return np.random.RandomState([seed % 2**32, epoch]).permutation(examples)


def reseed(seed: int, step: int) -> None:
    """Begin all random numbers anew from (*seed*, *step*): MXNet's own state cannot be read back into a checkpoint.

    Knuth's multiplicative hash keeps neighbouring steps apart.
    """
    number = (seed * 1_000_003 + step * 2_654_435_761) % 2**31
    mx.random.seed(number)
    np.random.seed(number)


def learning_rate(config: JobConfig, step: int, steps: int) -> float:
    """The rate at *step* (from 0) of *steps*: the schedules end at a hundredth of where they begin."""
    done = step / max(steps, 1)
    left = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[config.schedule]
    return config.lr * (0.01 + 0.99 * left)
