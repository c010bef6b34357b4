"""Car engine noise, measured (FordA, FordB): does a certain symptom exist? 500 samples a row, two classes.

    python -m training ford --workdir runs/ford
    python -m training ford --workdir runs/fordb subset=FordB

A convolutional net of four layers. Half of the rows of each batch are turned upside down and half are
played backwards: an engine's noise is the same noise either way, and the net then hears four engines for one.
Published test accuracy on this split, mean of five (Wang, Yan, Oates 2017; Ismail Fawaz and others 2019): ResNet 93.7 %
on FordA and 81.3 % on FordB, FCN 91.4 % and 77.2 %. The settings were chosen on held-out training rows of FordA.

Minutes: 0.4 on two CPU cores. Expect 94.3 % on FordA (five seeds: 93.9 to 94.6) and 81.6 % on
FordB (five seeds: 80.5 to 82.7), whose test rows are noisy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.compat import NDArray, mx
from training.config import JobConfig, option
from training.data.ford import SETS, checksum, read_noise
from training.data.splits import Data, Split, split_off
from training.environment import data_folder
from training.report.images import confusion
from training.trainer.learner import GluonLearner, Learner
from training.trainer.recipe import Recipe, accuracy, first_batch

CLASSES = ("no symptom", "symptom")


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    num_epochs: int = option(20, "times the training set is seen", least=1)
    batch_size: int = option(64, "rows per step", least=1)
    lr: float = option(0.003, "learning rate at the start", least=0)
    wd: float = option(1e-4, "weight decay (L2)", least=0)
    optimizer: str = option("adam", "any optimizer MXNet knows by name: sgd, adam, ...")
    schedule: str = option("cosine", "how lr falls over the run", choices=("constant", "linear", "cosine"))
    subset: str = option("FordA", "FordB was tested under noise", choices=SETS)
    dropout: float = option(0.2, "share of features left out at random while training", least=0, below=1)
    held_out: float = option(0.15, "share of the training rows kept for validation", least=0.01, below=1)


def data(config: Config) -> Data:
    folder = data_folder(config.data)
    whole, test = (_split(folder, config.subset, part) for part in ("TRAIN", "TEST"))
    train, valid = split_off(whole, round(config.held_out * len(whole)), config.seed)
    return Data(train, valid, test, f"UCR archive, {config.subset}", checksum(folder, config.subset), CLASSES)


def _split(folder: Path, subset: str, part: str) -> Split:
    noise = read_noise(folder, subset, part)
    return Split(noise.X, noise.y)


def flip_randomly(X: NDArray) -> NDArray:
    """(n, 500) to (n, 500): half of the rows upside down, half of them backwards, each drawn by itself."""
    upside_down, backwards = (mx.nd.random.uniform(shape=(len(X), 1), ctx=X.context) < 0.5 for _ in range(2))
    X = X * (1 - 2 * upside_down)
    return X + backwards * (mx.nd.flip(X, axis=1) - X)


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    from training.nets.sequence import Listener  # a class of MXNet's kind: importing it imports MXNet

    return GluonLearner(
        Listener(channels=(32, 64, 64, 128), kernels=(9, 7, 5, 3), dropout=config.dropout, classes=len(CLASSES)),
        mx.gluon.loss.SoftmaxCrossEntropyLoss(),
        config,
        devices,
        example=first_batch(data, config),
        augment=flip_randomly,
    )


JOB = Recipe(config=Config, data=data, learner=learner, metrics=accuracy, best="accuracy", sections=(confusion,))
