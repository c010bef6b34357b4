"""A job as a value: what a file under jobs/ hands to the loop. The text on writing one is in jobs/__init__.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from training.compat import NDArray, mx
from training.config import JobConfig
from training.data.splits import Data
from training.trainer.batches import Batches, in_order
from training.trainer.learner import Learner
from training.workdir.metrics import Row

Array = np.ndarray[Any, Any]
Scores = dict[str, float]


@dataclass(frozen=True)
class Predictions:
    """What the net said about a split, and the truth: outputs (n, ...), y (n,) or (n, k)."""

    outputs: Array
    y: Array


def _no_net(_: Array) -> Array:
    raise ValueError("this result has no net")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the report is made of: the best epoch's net on validation and test."""

    config: Any
    data: Data
    valid: Predictions
    test: Predictions
    rows: Sequence[Row]
    scores: Mapping[str, float]
    """On the test split, with what `after` added."""
    best_epoch: int
    net: Callable[[Array], Array] = _no_net
    """Inputs X (n, ...) to outputs (n, ...), as in `valid` and `test`."""
    findings: Any = None
    """What the recipe's `examine` found out, for its sections."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a finished net is found to be: more test scores, what `predict` needs to know, and what sections show."""

    scores: Mapping[str, float]
    keep: Mapping[str, Any]
    """JSON, put into data.json beside the data's own `keep`."""
    shown: Any


@dataclass(frozen=True)
class Section:
    """A part of report.html: *html* without scripts or links to elsewhere (report/charts.py makes pictures)."""

    title: str
    html: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to do one job. *metrics* and *best* choose the best epoch on the validation split."""

    config: type[JobConfig]
    data: Callable[[Any], Data]
    learner: Callable[[Any, Data, Sequence[Any]], Learner]
    metrics: Callable[[Array, Array], Scores]
    best: str
    higher_is_better: bool = True
    last_is_best: bool = False
    """Keep the last epoch's weights: where lr falls to zero and the validation split is too small to choose by."""
    sections: tuple[Callable[[Result], Section], ...] = ()
    examine: Callable[[Result], Findings] | None = None
    """Looks at the finished net before `after` and the sections do."""
    after: Callable[[Result, Path], Scores] | None = None
    """May write files into the work folder (a calibration for predict) and returns more test scores."""
    minibatches: Callable[[NDArray, NDArray, int, Array], Batches] = in_order
    name: str = field(default="", compare=False)  # both filled in by jobs.load
    card: str = field(default="", compare=False)

    def better(self, score: float, than: float | None) -> bool:
        if self.last_is_best or than is None or math.isnan(than):
            return True
        return score > than if self.higher_is_better else score < than


def first_batch(data: Data, config: JobConfig) -> NDArray:
    """One raw batch (batch_size, ...) on the CPU, to settle the sizes of deferred parameters."""
    return mx.nd.array(data.train.X[: config.batch_size], dtype=data.train.X.dtype)


def accuracy(outputs: Array, y: Array) -> Scores:
    """Scores (n, classes), classes y (n,): the share that is right, and the softmax's mean cross-entropy in nats."""
    below_highest = outputs - outputs.max(axis=1, keepdims=True)
    log_p = below_highest - np.log(np.exp(below_highest).sum(axis=1, keepdims=True))
    right = float((outputs.argmax(axis=1) == y).mean())
    return {"accuracy": right, "loss": float(-log_p[np.arange(len(y)), y].mean())}


def squared_error(outputs: Array, y: Array) -> Scores:
    """(n,) or (n, 1), y (n,): the root of the mean square, in y's unit; half the mean square, as Gluon's L2Loss."""
    mean_square = float(np.mean((outputs.reshape(y.shape) - y) ** 2))
    return {"rmse": mean_square**0.5, "loss": mean_square / 2}
