"""Linear regression from nothing: arrays, gradients by autograd, the update and the minibatches written out.

    python -m training linear_scratch --workdir runs/linear_scratch

Minutes: 0.1 on two CPU cores. Expect a test rmse of 0.0103 or less: the noise in the data is 0.01.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from training.compat import NDArray, mx
from training.config import JobConfig, option
from training.data import linear
from training.data.splits import Data
from training.trainer.learner import Learner
from training.trainer.recipe import Array, Recipe, squared_error
from training.trainer.scratch import ScratchLearner, Weights, refuse_what_is_not_written_out


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    num_epochs: int = option(5, "times the training set is seen", least=1)
    batch_size: int = option(64, "examples per step", least=1)
    lr: float = option(0.1, "learning rate at the start", least=0)
    device: str = option("cpu", "a scratch job stays on the CPU", choices=("cpu",))


def data(config: Config) -> Data:
    return linear.load(config.seed)


def initial_weights(seed: int, inputs: int = 2) -> Weights:
    mx.random.seed(seed)
    return {"weight": mx.nd.random.normal(0, 0.01, shape=(1, inputs)), "bias": mx.nd.zeros(1)}


def net(X: NDArray, weights: Weights) -> NDArray:
    """(n, 2) -> (n,)"""
    return mx.nd.dot(X, weights["weight"].T).reshape(-1) + weights["bias"]


def squared_loss(output: NDArray, y: NDArray) -> NDArray:
    """(n,), (n,) -> (n,): half of the square, as Gluon's L2Loss."""
    return (output - y) ** 2 / 2


def sgd(weights: Weights, lr: float, batch_size: int) -> None:
    """The loss was summed over the batch, so its gradient is divided by the batch's size."""
    for weight in weights.values():
        weight[:] = weight - lr * weight.grad / batch_size


def minibatches(X: NDArray, y: NDArray, batch_size: int, order: Array) -> Iterator[tuple[NDArray, NDArray]]:
    """X (n, 2), y (n,) in the *order* (n,), *batch_size* at a time; a rest is left out."""
    for start in range(0, len(order) - batch_size + 1, batch_size):
        chosen = mx.nd.array(order[start : start + batch_size], dtype="int32")
        yield X.take(chosen), y.take(chosen)


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    refuse_what_is_not_written_out(config, "optimizer", "momentum", "clip", "wd")
    return ScratchLearner(
        initial_weights(config.seed),
        net=net,
        loss=squared_loss,
        update=sgd,
        twin=lambda: mx.gluon.nn.Dense(1, in_units=2),
    )


JOB = Recipe(
    config=Config,
    data=data,
    learner=learner,
    metrics=squared_error,
    best="rmse",
    higher_is_better=False,
    minibatches=minibatches,
)
