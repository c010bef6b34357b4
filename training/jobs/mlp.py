"""A multilayer perceptron with Gluon on Fashion-MNIST: one hidden layer, or several, with dropout if you like.

    python -m training mlp --workdir runs/mlp
    python -m training mlp --workdir runs/mlp2 hidden=256,128 activation=tanh dropout=0.3 wd=1e-4

Minutes: 0.3 on two CPU cores. Expect 0.87 test accuracy or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.compat import mx
from training.config import JobConfig, option
from training.data import fashion
from training.data.splits import Data
from training.environment import data_folder
from training.nets.images import scale_and_flatten
from training.nets.mlp import mlp
from training.report.images import confusion, mistakes
from training.trainer.learner import GluonLearner, Learner
from training.trainer.recipe import Recipe, accuracy, first_batch


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    batch_size: int = option(256, "examples per step", least=1)
    lr: float = option(0.5, "learning rate at the start", least=0)
    schedule: str = option("linear", "how lr falls over the run", choices=("constant", "linear", "cosine"))
    hidden: str = option(
        "256",
        "units of the hidden layers, such as 256 or 256,128",
        written=("[1-9][0-9]{0,5}(,[1-9][0-9]{0,5})*", "write it as 256 or 256,128"),
    )
    activation: str = option("relu", "between the layers", choices=("relu", "sigmoid", "tanh"))
    dropout: float = option(0.0, "share of hidden units silenced in each step", least=0, below=1)


def data(config: Config) -> Data:
    return fashion.load(data_folder(config.data), config.seed)


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    sizes = [int(size) for size in config.hidden.split(",")]
    return GluonLearner(
        mlp(sizes, len(data.classes), activation=config.activation, dropout=config.dropout),
        mx.gluon.loss.SoftmaxCrossEntropyLoss(),
        config,
        devices,
        example=first_batch(data, config),
        prepare=scale_and_flatten,
        initializer=mx.init.Normal(0.05),
    )


JOB = Recipe(
    config=Config, data=data, learner=learner, metrics=accuracy, best="accuracy", sections=(confusion, mistakes)
)
