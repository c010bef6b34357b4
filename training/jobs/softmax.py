"""Softmax regression with Gluon on Fashion-MNIST: one dense layer.

    python -m training softmax --workdir runs/softmax

Minutes: 0.2 on two CPU cores. Expect 0.825 test accuracy or more.
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
from training.report.images import confusion, mistakes
from training.trainer.learner import GluonLearner, Learner
from training.trainer.recipe import Recipe, accuracy, first_batch


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    batch_size: int = option(256, "examples per step", least=1)
    lr: float = option(0.1, "learning rate at the start", least=0)


def data(config: Config) -> Data:
    return fashion.load(data_folder(config.data), config.seed)


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    return GluonLearner(
        mx.gluon.nn.Dense(len(data.classes)),
        mx.gluon.loss.SoftmaxCrossEntropyLoss(),
        config,
        devices,
        example=first_batch(data, config),
        prepare=scale_and_flatten,
        initializer=mx.init.Normal(0.01),
    )


JOB = Recipe(
    config=Config, data=data, learner=learner, metrics=accuracy, best="accuracy", sections=(confusion, mistakes)
)
