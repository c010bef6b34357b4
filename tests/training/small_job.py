"""A job of a second or two that draws random numbers in every step: `python small_job.py WORKDIR key=value ...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.compat import mx
from training.config import JobConfig, option, parse
from training.data.splits import Data, Split
from training.errors import TrainingError
from training.nets.mlp import mlp
from training.report.images import confusion, mistakes
from training.train import train_and_evaluate
from training.trainer.learner import GluonLearner, Learner
from training.trainer.recipe import Recipe, accuracy, first_batch
from training.trainer.signals import StopRequest
from training.workdir.summary import Summary


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    num_epochs: int = option(4, "epochs", least=1)
    batch_size: int = option(16, "batch", least=1)
    optimizer: str = option("adam", "optimizer")
    lr: float = option(0.003, "learning rate", least=0)
    schedule: str = option("cosine", "schedule")
    dropout: float = option(0.5, "dropout")
    log_interval: int = option(7, "does not divide the 40 steps of an epoch", least=1)
    examples: int = option(640, "training examples")


def data(config: Config) -> Data:
    """Pictures of 8x8 bytes whose brightest quarter is the class."""
    random = np.random.RandomState(7)
    X = random.randint(0, 200, (config.examples + 200, 1, 8, 8)).astype(np.uint8)
    y = random.randint(0, 4, len(X)).astype(np.int32)
    for image, label in zip(X, y, strict=True):
        down, right = 4 * (label // 2), 4 * (label % 2)
        image[0, down : down + 4, right : right + 4] += 40
    whole = Split(X, y)
    return Data(whole[200:], whole[:100], whole[100:200], "made up", "none", ("nw", "ne", "sw", "se"))


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    net = mlp([32], len(data.classes), dropout=config.dropout)
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    return GluonLearner(net, loss, config, devices, example=first_batch(data, config), prepare=scaled)


def scaled(X: Any) -> Any:
    return X.astype("float32").reshape((len(X), -1)) / 255


JOB = Recipe(
    config=Config,
    data=data,
    learner=learner,
    metrics=accuracy,
    best="accuracy",
    sections=(confusion, mistakes),
    name="small",
    card="A small job for tests.",
)


def run(workdir: Path, *words: str, recipe: Recipe = JOB, stop: StopRequest | None = None) -> Summary:
    config = parse(recipe.config, ["device=cpu", *words])
    return train_and_evaluate(recipe, config, workdir, stop=stop)


if __name__ == "__main__":
    heard = StopRequest().listen()
    try:
        run(Path(sys.argv[1]), *sys.argv[2:], stop=heard)
    except TrainingError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
