"""What each step of a run is given, computed from the settings and its number alone: order, rate, random numbers."""

from __future__ import annotations

import math

import numpy as np

from training.compat import mx
from training.config import JobConfig
from training.trainer.recipe import Array


def batch_size(config: JobConfig, examples: int) -> int:
    """Fewer examples than a batch: then that is the batch."""
    return min(config.batch_size, examples)


def steps_per_epoch(config: JobConfig, examples: int) -> int:
    """Full batches only: what is left over comes in another epoch's order."""
    return examples // batch_size(config, examples)


def epoch_order(examples: int, seed: int, epoch: int) -> Array:
    """Shape (examples,), int64: the order of the examples in *epoch* (from 0).

    It depends on nothing else, so that a resumed run finds it again.
    """
    return np.random.RandomState([seed % 2**32, epoch]).permutation(examples)


def reseed(seed: int, step: int) -> None:
    """Begin all random numbers anew from (*seed*, *step*): MXNet's own state cannot be read back into a checkpoint.

    Knuth's multiplicative hash keeps neighbouring steps apart (The Art of Computer Programming 3, section 6.4;
    https://en.wikipedia.org/wiki/Hash_function#Multiplicative_hashing).
    """
    number = (seed * 1_000_003 + step * 2_654_435_761) % 2**31
    mx.random.seed(number)
    np.random.seed(number)


def learning_rate(config: JobConfig, step: int, steps: int) -> float:
    """The rate at *step* (from 0) of *steps*: the schedules end at a hundredth of where they begin.

    The cosine is that of https://arxiv.org/abs/1608.03983, equation 5, without restarts.
    """
    done = step / max(steps, 1)
    left = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[config.schedule]
    return config.lr * (0.01 + 0.99 * left)
