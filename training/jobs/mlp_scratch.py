"""A multilayer perceptron from nothing on Fashion-MNIST: one hidden layer, dropout and weight decay written out.

    python -m training mlp_scratch --workdir runs/mlp_scratch

Minutes: 0.5 on two CPU cores. Expect 0.87 test accuracy or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.compat import NDArray, mx
from training.config import option
from training.data.splits import Data
from training.jobs import mlp
from training.jobs.softmax_scratch import cross_entropy
from training.nets.images import scale_and_flatten
from training.nets.mlp import mlp as gluon_mlp
from training.report.images import confusion, mistakes
from training.trainer.learner import Learner
from training.trainer.recipe import Recipe, accuracy
from training.trainer.scratch import ScratchLearner, Weights, refuse_what_is_not_written_out

PIXELS, CLASSES = 784, 10


@dataclass(frozen=True, kw_only=True)
class Config(mlp.Config):
    hidden: str = option(
        "256",
        "units of the hidden layer",
        written=("[1-9][0-9]{0,5}", "mlp_scratch has one hidden layer, such as 256; the job mlp takes several"),
    )
    device: str = option("cpu", "a scratch job stays on the CPU", choices=("cpu",))


def relu(x: NDArray) -> NDArray:
    """Of each number, in any shape."""
    return mx.nd.maximum(x, 0)


def sigmoid(x: NDArray) -> NDArray:
    """Of each number, in any shape: 0..1."""
    return 1 / (1 + (-x).exp())


def tanh(x: NDArray) -> NDArray:
    """Of each number, in any shape: -1..1."""
    return 2 * sigmoid(2 * x) - 1


ACTIVATIONS = {"relu": relu, "sigmoid": sigmoid, "tanh": tanh}


def dropout(x: NDArray, rate: float) -> NDArray:
    """Silence a share of *x*, of any shape, while training, and raise the rest so that the mean stays.

    Srivastava and others 2014: https://jmlr.org/papers/v15/srivastava14a.html
    """
    if rate == 0 or not mx.autograd.is_training():
        return x
    kept = mx.nd.random.uniform(0, 1, shape=x.shape) >= rate
    return x * kept / (1 - rate)


def initial_weights(seed: int, hidden: int) -> Weights:
    mx.random.seed(seed)
    return {
        "0.weight": mx.nd.random.normal(0, 0.05, shape=(hidden, PIXELS)),
        "0.bias": mx.nd.zeros(hidden),
        "1.weight": mx.nd.random.normal(0, 0.05, shape=(CLASSES, hidden)),
        "1.bias": mx.nd.zeros(CLASSES),
    }


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    refuse_what_is_not_written_out(config, "optimizer", "momentum", "clip")
    hidden = int(config.hidden)
    act = ACTIVATIONS[config.activation]

    def net(X: NDArray, w: Weights) -> NDArray:
        """(n, 784) -> scores (n, 10)"""
        h = act(mx.nd.dot(X, w["0.weight"].T) + w["0.bias"])
        return mx.nd.dot(dropout(h, config.dropout), w["1.weight"].T) + w["1.bias"]

    def sgd(weights: Weights, lr: float, batch_size: int) -> None:
        """Weight decay adds wd * w to the gradient: each step also pulls the weight towards zero."""
        for w in weights.values():
            w[:] = w - lr * (w.grad / batch_size + config.wd * w)

    return ScratchLearner(
        initial_weights(config.seed, hidden),
        net=net,
        loss=cross_entropy,
        update=sgd,
        twin=lambda: gluon_mlp([hidden], CLASSES, activation=config.activation),
        prepare=scale_and_flatten,
        draws=config.dropout > 0,
    )


JOB = Recipe(
    config=Config, data=mlp.data, learner=learner, metrics=accuracy, best="accuracy", sections=(confusion, mistakes)
)
