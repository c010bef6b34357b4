"""In which state is it? Several parts of a machine at once, from labelled cycles.

    python -m training condition --workdir runs/press table=press.toml
    python -m training predict --run runs/press later/

A cycle is a stretch of time in which a machine does one thing, such as a minute at load; of some cycles you know in
which state each part was. A few lines of TOML say where the channels and the states are; docs/condition.md goes
through a whole example. Channels may differ in their rates: each cycle is cut into equal bins of time.

The task it was made for is a hydraulic rig (Helwig, Pignanelli, Schütze, "Condition monitoring of a complex hydraulic
system using multivariate statistics", I2MTC 2015): 17 channels of 60 s, a cooler, a valve, a pump and an accumulator
with 3, 4, 3 and 4 states. Random forests on statistics are published at 99 % there, with single cycles shared out at
random; here whole stretches of equal states stay on one side, which is harder and more honest.

Minutes: 0.5 on two CPU cores for 400 cycles. Expect accuracy 0.99 on the made-up rig of docs/condition.md, where a
random forest does as well: the report puts it beside the net, and says which to take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.compat import mx
from training.config import JobConfig, option
from training.data.splits import Data
from training.diagnostics.description import read_description
from training.diagnostics.examination import examine
from training.diagnostics.piecewise import fit_piecewise
from training.diagnostics.preparation import StatePreparation
from training.diagnostics.states import states_data, states_loss, states_scores
from training.errors import BadData
from training.report.states import confusion_section, importance_section, reliability_section, worth_section
from training.trainer.learner import GluonLearner, Learner
from training.trainer.recipe import Recipe, first_batch


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    table: str = option("", "the TOML file that describes the cycles")
    num_epochs: int = option(50, "times the training set is seen", least=1)
    batch_size: int = option(32, "cycles per step", least=1)
    lr: float = option(0.003, "learning rate at the start", least=0)
    wd: float = option(1e-3, "weight decay (L2)", least=0)
    optimizer: str = option("adam", "any optimizer MXNet knows by name: sgd, adam, ...")
    schedule: str = option("cosine", "how lr falls over the run", choices=("constant", "linear", "cosine"))
    bins: int = option(30, "equal stretches of time into which each cycle is cut", least=1, below=10_000)
    hidden: int = option(64, "size of the layer that all parts share", least=1)
    dropout: float = option(0.4, "share of features left out at random while training", least=0, below=1)
    jitter: float = option(0.2, "while training each feature is shifted by up to about this many spreads", least=0)
    split: str = option(
        "blocks", "what stays on one side of a split: stretches of equal states, or single cycles",
        choices=("blocks", "cycles"),
    )  # fmt: skip
    held_out: float = option(0.15, "share of the cycles kept for validation", least=0.01, below=0.9)
    tested: float = option(
        0.2, "share of the cycles kept for the test, where there are no test files", least=0.01, below=0.9
    )


def data(config: Config) -> Data:
    if not config.table:
        raise BadData("table is not set", "table=FILE.toml describes your cycles; docs/condition.md shows how")
    if config.held_out + config.tested >= 1:
        raise BadData("held_out and tested together leave no cycle to train on", "Take smaller shares.")
    return states_data(config, read_description(Path(config.table)), source=config.table)


def learner(config: Config, data: Data, devices: Sequence[Any]) -> Learner:
    from training.nets.sequence import StateNet  # a class of MXNet's kind: importing it imports MXNet

    sizes = StatePreparation.from_json(data.keep).sizes
    wide = fit_piecewise(data.train, data.valid, sizes, seed=config.seed)

    def shift(X: Any) -> Any:
        return X + mx.nd.random.normal(scale=config.jitter, shape=(len(X), 1, X.shape[2]), ctx=X.context)

    return GluonLearner(
        StateNet(hidden=config.hidden, dropout=config.dropout, **vars(wide)),
        mx.gluon.nn.HybridLambda(states_loss(sizes)),
        config,
        devices,
        example=first_batch(data, config),
        augment=shift if config.jitter else None,
    )


JOB = Recipe(
    config=Config,
    data=data,
    learner=learner,
    metrics=states_scores,
    best="loss",
    higher_is_better=False,
    examine=examine,
    sections=(worth_section, confusion_section, reliability_section, importance_section),
)
