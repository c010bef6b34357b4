"""The wide part of a net that tells states: a sparse sum of piecewise linear functions of each cycle's statistics.

Each statistic is cut at its quantiles and written as how far it has come through each piece, so that a straight line
on the pieces may bend at every cut (Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep
learning", NeurIPS 2022). An L1 penalty keeps the few pieces that tell the states apart (Tibshirani, "Regression
shrinkage and selection via the lasso", 1996). Few cycles suffice: the loss is convex, so its optimum is found, not
approached, by accelerated proximal steps (Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm",
2009) with restarts (O'Donoghue and Candès, 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data.splits import Split
from training.diagnostics.features import slope_weights, statistics
from training.diagnostics.metrics import by_part, cross_entropy, log_softmax

Array = NDArray[np.floating]

PIECES: Final = 8

NARROWEST: Final = 1e-3
"""A piece between two equal quantiles is no wider, as scaled: the net and NumPy may round such a statistic apart."""

PENALTIES: Final = np.geomspace(1.0, 0.001, 15)
"""As shares of the least penalty at which no statistic counts, from the strongest on: each begins at the last one's
optimum."""

STEPS: Final = 60
MOST_CYCLES: Final = 5_000
MOST_NUMBERS: Final = 30_000_000
"""Of the encoded training cycles, 120 MB: where there are many channels, fewer cycles are drawn."""


@dataclass(frozen=True)
class Piecewise:
    """Scores of all parts' states: `weight` times the encoded statistics, plus `bias`."""

    begins: Array
    """(statistics, PIECES)"""
    widths: Array
    slope: Array
    """(bins,): the weights that give the slope over a cycle."""
    weight: Array
    """(states, statistics x PIECES)"""
    bias: Array

    def scores(self, X: Array) -> Array:
        """Of scaled X (cycles, bins, features): (cycles, states)."""
        result: Array = _encode(statistics(X), self.begins, self.widths) @ self.weight.T + self.bias
        return result


def _encode(found: Array, begins: Array, widths: Array) -> Array:
    """Statistics (cycles, statistics) to (cycles, statistics x PIECES) float32, from 0 to 1."""
    pieces: Array = np.clip((found.astype(np.float32)[:, :, None] - begins) / widths, 0.0, 1.0, dtype=np.float32)
    coded: Array = pieces.reshape(len(found), -1)
    return coded


def fit_piecewise(train: Split, valid: Split, sizes: Sequence[int], *, seed: int) -> Piecewise:
    """*sizes*: how many states each part has. The penalty of each part is the one with which the validation cycles are
    told best: where statistics tell nothing, that is the one which leaves only the share of each state.
    """
    features = statistics(np.asarray(train.X[:1])).shape[1]
    train = _draw(train, min(MOST_CYCLES, max(MOST_NUMBERS // (features * PIECES), 100)), seed)
    valid = _draw(valid, MOST_CYCLES, seed)
    found = statistics(np.asarray(train.X))
    cuts = np.quantile(found, np.linspace(0, 1, PIECES + 1), axis=0).T.astype(np.float32)
    begins, widths = cuts[:, :-1], np.maximum(np.diff(cuts, axis=1), np.float32(NARROWEST))
    coded, asked = (_encode(part, begins, widths) for part in (found, statistics(np.asarray(valid.X))))
    mean, spread = coded.mean(axis=0), coded.std(axis=0)
    spread[spread < NARROWEST] = 1.0
    weight, bias = _follow_path(_Problem((coded - mean) / spread, train.y, sizes), (asked - mean) / spread, valid.y)
    weight = weight / spread[:, None]
    slope = slope_weights(train.X.shape[1])
    return Piecewise(begins, widths, slope, weight.T.astype(np.float32), (bias - mean @ weight).astype(np.float32))


def _draw(split: Split, most: int, seed: int) -> Split:
    return split[np.sort(np.random.RandomState(seed).permutation(len(split))[:most])]


class _Problem:
    """Multinomial logistic regression of all parts at once: X (cycles, pieces) float32, columns are states."""

    def __init__(self, X: Array, y: Array, sizes: Sequence[int]) -> None:
        self.X, self.sizes = X, list(sizes)
        truth = [y[:, number].astype(int) for number in range(len(self.sizes))]
        known = [one >= 0 for one in truth]
        self.truth = np.concatenate(
            [np.eye(size, dtype=np.float32)[one] for one, size in zip(truth, self.sizes, strict=True)], axis=1
        )
        each = [
            np.tile((mask / max(mask.sum(), 1))[:, None], size) for mask, size in zip(known, self.sizes, strict=True)
        ]
        self.share = np.concatenate(each, axis=1).astype(np.float32)
        """(cycles, states): what a cycle weighs in the mean; 0 where nobody knows the part's state."""
        # The curvature of a softmax is at most a half; 1 more column stands for the bias.
        self.curvature = 0.5 * self.share.max() * (_largest_eigenvalue(X) + len(X))

    def start(self) -> tuple[Array, Array]:
        """No statistic counts: the bias alone, by the share of each state."""
        shares = np.maximum((self.share * self.truth).sum(axis=0), 1e-6)
        return np.zeros((self.X.shape[1], len(shares)), dtype=np.float32), np.log(shares)

    def gradient(self, weight: Array, bias: Array) -> tuple[Array, Array]:
        said = np.concatenate(
            [np.exp(log_softmax(part)) for part in by_part(self.X @ weight + bias, self.sizes)], axis=1
        )
        wrong = ((said - self.truth) * self.share).astype(np.float32)
        return self.X.T @ wrong, wrong.sum(axis=0)

    def strongest_penalties(self) -> Array:
        """(states,): of each part, the least penalty that lets no statistic count."""
        steepest = np.abs(self.gradient(*self.start())[0]).max(axis=0)
        return np.concatenate(
            [np.full(len(part), part.max()) for part in np.split(steepest, np.cumsum(self.sizes)[:-1])]
        )


def _largest_eigenvalue(X: Array) -> float:
    """Of X'X, by power iteration; a tenth is added, for it comes from below."""
    vector: Array = np.ones(X.shape[1], dtype=np.float32)
    for _ in range(30):
        vector = X.T @ (X @ (vector / max(float(np.linalg.norm(vector)), 1e-12)))
    return 1.1 * float(np.linalg.norm(vector))


def _follow_path(problem: _Problem, asked: Array, truth: Array) -> tuple[Array, Array]:
    """Of each part the weights (pieces, states) and biases (states,) whose penalty serves *asked* best."""
    weight, bias = problem.start()
    best_weight, best_bias = weight.copy(), bias.copy()
    best = [np.inf] * len(problem.sizes)
    begins = np.concatenate([[0], np.cumsum(problem.sizes)])
    strongest = problem.strongest_penalties()
    for share in PENALTIES:
        weight, bias = _descend(problem, weight, bias, (share * strongest).astype(np.float32))
        for number, scores in enumerate(by_part(asked @ weight + bias, problem.sizes)):
            loss = cross_entropy(scores, truth[:, number])
            if loss < best[number]:
                best[number], states = loss, slice(begins[number], begins[number + 1])
                best_weight[:, states], best_bias[states] = weight[:, states], bias[states]
    return best_weight, best_bias


def _descend(problem: _Problem, weight: Array, bias: Array, penalties: Array) -> tuple[Array, Array]:
    """STEPS proximal steps: down the gradient, then each weight by its penalty towards zero."""
    ahead, ahead_bias, pace = weight, bias, 1.0
    step = np.float32(1 / problem.curvature)
    for _ in range(STEPS):
        slope, bias_slope = problem.gradient(ahead, ahead_bias)
        moved = ahead - step * slope
        moved = np.sign(moved) * np.maximum(np.abs(moved) - step * penalties, 0)
        moved_bias = ahead_bias - step * bias_slope
        uphill = float(np.sum((ahead - moved) * (moved - weight))) > 0
        faster = 1.0 if uphill else (1 + (1 + 4 * pace**2) ** 0.5) / 2
        swing = np.float32(0.0 if uphill else (pace - 1) / faster)
        ahead, ahead_bias = moved + swing * (moved - weight), moved_bias + swing * (moved_bias - bias)
        weight, bias, pace = moved, moved_bias, faster
    return weight, bias
