"""How well states are told: pure NumPy. Outputs of a net are the scores of all states, part by part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def by_part(outputs: Array, sizes: Sequence[int]) -> list[Array]:
    """Outputs (n, states of all parts) cut into the parts' (n, states)."""
    return np.split(outputs, np.cumsum(sizes)[:-1], axis=1)


def log_softmax(scores: Array) -> Array:
    below = np.asarray(scores, dtype=np.float64) - scores.max(axis=1, keepdims=True)
    result: Array = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return result


def cross_entropy(scores: Array, truth: Array) -> float:
    """Mean, in nats, over the cycles whose state is known (truth >= 0); scores (n, states), truth (n,)."""
    known = truth >= 0
    if not known.any():
        return 0.0
    return float(-log_softmax(scores[known])[np.arange(known.sum()), truth[known].astype(int)].mean())


def right(scores: Array, truth: Array) -> Array:
    """(known cycles,): 1 where the state with the highest score is the true one."""
    known = truth >= 0
    return np.asarray(scores[known].argmax(axis=1) == truth[known], dtype=np.float64)


def confusion_counts(scores: Array, truth: Array) -> NDArray[np.int64]:
    """(states, states): at [i, j] the cycles in state i that were said to be in j."""
    known, states = truth >= 0, scores.shape[1]
    pairs = truth[known].astype(int) * states + scores[known].argmax(axis=1)
    return np.bincount(pairs, minlength=states * states).reshape(states, states)


TEMPERATURES = np.geomspace(0.05, 20.0, 200)


def fit_temperature(scores: Array, truth: Array) -> float:
    """By what to divide the scores (n, states) so that their softmax fits *truth* best: it changes no verdict, only how
    sure it is said. Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    losses = [cross_entropy(scores / temperature, truth) for temperature in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])
