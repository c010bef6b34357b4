"""Linear regression with Gluon: the same line as linear_scratch in five lines of net, loss and trainer.

    python -m training linear --workdir runs/linear

Minutes: 0.1 on two CPU cores. Expect a test rmse of 0.0103 or less: the noise in the data is 0.01.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.compat import mx
from training.config import JobConfig, option
from training.data import linear
from training.data.splits import Data
from training.trainer.learner import GluonLearner, Learner
from training.trainer.recipe import Recipe, first_batch, squared_error


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    num_epochs: int = option(5, "times the training set is seen", least=1)
    batch_size: int = option(64, "examples per step", least=1)
    lr: float = option(0.1, "learning rate at the start", least=0)


def data(config: Config) -> Data:
    return linear.load(config.seed)


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    net = mx.gluon.nn.Dense(1)
    loss = mx.gluon.loss.L2Loss()
    start = mx.init.Normal(0.01)
    return GluonLearner(net, loss, config, devices, example=first_batch(data, config), initializer=start)


JOB = Recipe(config=Config, data=data, learner=learner, metrics=squared_error, best="rmse", higher_is_better=False)
