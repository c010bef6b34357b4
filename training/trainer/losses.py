"""Where a run stands: the position in the epochs, the losses not yet logged, the best score so far."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from training.compat import NDArray, mx
from training.config import JobConfig
from training.errors import NonFiniteLoss
from training.trainer.recipe import Array

NOT_FINITE_HINT = (
    "take a smaller lr, or clip=1, and another --workdir; the checkpoints from before the trouble stay where they are"
)


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
    """Losses of the steps since the last log row, each of shape (1,); on the device until they are settled."""

    def __init__(self, pending: list[float]) -> None:
        self._read: list[float] = list(pending)
        self._unread: deque[NDArray] = deque()

    def add(self, loss: NDArray) -> None:
        self._unread.append(loss)

    def settle(self, in_flight: int = 0) -> int:
        """Wait for all but the newest *in_flight* steps, read their losses, and return how many those were.

        Waiting for the last of them wakes Python once, not once for each. They are read one by one: measured on the
        CPU, 8 microseconds each, where an operator that joins them costs 55 each.
        """
        ready = max(0, len(self._unread) - in_flight)
        if ready:
            self._unread[ready - 1].wait_to_read()
        self._read += [float(self._unread.popleft().asscalar()) for _ in range(ready)]
        return ready

    def take_due(self, step: int, interval: int) -> Iterator[tuple[int, list[float]]]:
        """What belongs to each multiple of *interval* that is settled; *step*: the run's step now.

        Raises NonFiniteLoss naming the first bad step, after what came before it was given.
        """
        settled = step - len(self._unread)
        done = settled - len(self._read)
        while (end := (done // interval + 1) * interval) <= settled:
            _check(self._read[: end - done], end, step)
            taken, self._read = self._read[: end - done], self._read[end - done :]
            yield end, taken
            done = end

    def rest(self, step: int) -> list[float]:
        """Those that are settled and that no row has yet; *step*: the last one settled. Raises NonFiniteLoss."""
        _check(self._read, step, step)
        return list(self._read)

    def clear(self) -> None:
        self._read = []
        self._unread.clear()


class Lead:
    """How far Python runs ahead of the device: far enough to keep it busy, never more than some seconds.

    On the CPU each wait costs about 10 ms, however many steps it is for: Python comes back to cores that are all taken.
    Without a limit, a wish to stop or a loss that is not finite would be noticed when minutes of queued steps are done.
    So the stride, in steps, is fitted to the time that its steps take (docs/decisions/0006-waiting.md).
    """

    LEAST_S, MOST_S = 0.5, 1.5

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.stride = 1
        self._now = now
        self.begin()

    def begin(self) -> None:
        self._steps, self._since = 0, self._now()

    def due(self) -> bool:
        """Once per step: whether the steps of the stride before this one are to be waited for now."""
        self._steps += 1
        return self._steps >= self.stride

    def waited(self, steps: int) -> None:
        """*steps* were waited for: another number than the stride, where the stride was changed before them."""
        if steps:
            stride_s = (self._now() - self._since) * self.stride / steps
            if stride_s < self.LEAST_S:
                self.stride *= 2
            elif stride_s > self.MOST_S:
                self.stride = max(1, self.stride // 2)
        self.begin()


def _check(values: Sequence[float], last: int, now: int) -> None:
    """*values*: losses of the steps that end with *last*."""
    for step, value in enumerate(values, last - len(values) + 1):
        if not math.isfinite(value):
            raise NonFiniteLoss(
                f"The loss became {value} at step {step} (noticed at step {now}).",
                NOT_FINITE_HINT,
            )


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
