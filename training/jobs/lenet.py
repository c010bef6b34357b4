"""LeNet on MNIST: the convolutional net of Gluon's first pages, 44,426 weights.

    python -m training lenet --workdir runs/lenet
    python -m training lenet --workdir runs/lenet update=manual    the same numbers, with the update written out

Minutes: 0.3 on two CPU cores. Expect 0.987 test accuracy or more (5,000 images are held back for validation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.compat import mx
from training.config import JobConfig, option
from training.data import mnist
from training.data.splits import Data
from training.environment import data_folder
from training.nets.images import scale_pixels
from training.nets.lenet import lenet
from training.report.images import confusion, mistakes
from training.trainer.learner import GluonLearner, Learner
from training.trainer.optim import ManualUpdate, TrainerUpdate
from training.trainer.recipe import Recipe, accuracy, first_batch


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    num_epochs: int = option(4, "times the training set is seen", least=1)
    lr: float = option(0.06, "learning rate at the start", least=0)
    momentum: float = option(0.9, "momentum of sgd", least=0, below=1)
    schedule: str = option("cosine", "how lr falls over the run", choices=("constant", "linear", "cosine"))
    update: str = option("trainer", "who moves the weights", choices=("trainer", "manual"))


def data(config: Config) -> Data:
    return mnist.load(data_folder(config.data), config.seed)


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    return GluonLearner(
        lenet(len(data.classes)),
        mx.gluon.loss.SoftmaxCrossEntropyLoss(),
        config,
        devices,
        example=first_batch(data, config),
        prepare=scale_pixels,
        update=ManualUpdate if config.update == "manual" else TrainerUpdate,
    )


JOB = Recipe(
    config=Config, data=data, learner=learner, metrics=accuracy, best="accuracy", sections=(confusion, mistakes)
)
