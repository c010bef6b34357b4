"""ResNet-20 on CIFAR-10: the work-horse for a GPU.

    python -m training resnet --workdir runs/resnet device=gpu amp=1
    python -m training resnet --workdir runs/resnet8 device=gpu gpus=all batch_size=1024 lr=0.8
    python -m training resnet --workdir runs/try num_epochs=1 limit=5000           to see it work on a CPU

Minutes: 60 on two CPU cores that other programs used too (540 images/s; alone about 900); no GPU was at hand.
Expect 0.90 test accuracy: 0.9028 was reached. He et al. report 0.9125, after 164 epochs and on all 50,000 images; here
5,000 are held back to choose the epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.compat import NDArray, mx
from training.config import JobConfig, option
from training.data import cifar10
from training.data.splits import Data
from training.environment import data_folder
from training.report.images import confusion, mistakes
from training.trainer.learner import GluonLearner, Learner
from training.trainer.optim import MixedPrecisionUpdate, TrainerUpdate
from training.trainer.recipe import Recipe, accuracy, first_batch

# Per channel, over the training pictures.
MEAN = (125.3, 123.0, 113.9)
SPREAD = (63.0, 62.1, 66.7)
SHIFT = 4


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    num_epochs: int = option(40, "times the training set is seen", least=1)
    lr: float = option(0.1, "learning rate at the start", least=0)
    momentum: float = option(0.9, "momentum of sgd", least=0, below=1)
    wd: float = option(5e-4, "weight decay (L2)", least=0)
    schedule: str = option("cosine", "how lr falls over the run", choices=("constant", "linear", "cosine"))
    amp: bool = option(False, "mixed precision: float16 on a GPU, bfloat16 on the CPU")
    blocks: int = option(3, "residual blocks per stage: 3 is ResNet-20, 9 is ResNet-56", least=1)


def data(config: Config) -> Data:
    return cifar10.load(data_folder(config.data), config.seed)


def normalise(X: NDArray) -> NDArray:
    """(n, 3, 32, 32) bytes to float32 of the same shape: mean 0 and spread 1 in each colour, over the training set."""
    mean, spread = (mx.nd.array(values, ctx=X.context).reshape((1, 3, 1, 1)) for values in (MEAN, SPREAD))
    return (X.astype("float32") - mean) / spread


def shift_and_flip(X: NDArray) -> NDArray:
    """(n, 3, 32, 32) bytes to float32 of the same shape: each mirrored or not, the batch moved by up to 4 pixels.

    As https://arxiv.org/abs/1512.03385, section 4.2, but for the move, which is one for the whole batch of a step.
    """
    mirrored = mx.nd.random.uniform(shape=(len(X), 1, 1, 1), ctx=X.context) < 0.5
    X = X.astype("float32")
    X = mx.nd.where(mx.nd.broadcast_like(mirrored, X), X.flip(axis=3), X)
    wide = mx.nd.pad(X, mode="constant", pad_width=(0, 0, 0, 0, SHIFT, SHIFT, SHIFT, SHIFT))
    down, right = (int(n) for n in np.random.randint(0, 2 * SHIFT + 1, 2))
    return wide[:, :, down : down + X.shape[2], right : right + X.shape[3]]


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    from training.nets.resnet import resnet  # a class of MXNet's kind: importing it imports MXNet

    if config.amp:
        MixedPrecisionUpdate.prepare(devices)
    return GluonLearner(
        resnet(len(data.classes), blocks=config.blocks),
        mx.gluon.loss.SoftmaxCrossEntropyLoss(),
        config,
        devices,
        example=first_batch(data, config),
        prepare=normalise,
        augment=shift_and_flip,
        update=MixedPrecisionUpdate if config.amp else TrainerUpdate,
        initializer=mx.init.MSRAPrelu(slope=0),
    )


JOB = Recipe(
    config=Config, data=data, learner=learner, metrics=accuracy, best="accuracy", sections=(confusion, mistakes)
)
