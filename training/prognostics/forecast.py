"""What `turbofan` and `sensors` share: from the logs of units to a net that forecasts failure.

A row of `y` holds everything that is asked about one window; answers.py names the columns. The loss and the metrics
read the columns they need, so units, caps and horizons of different logs never get mixed up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.config import JobConfig, Lengths, option
from training.console import Console
from training.data.splits import Data, Split
from training.errors import BadData
from training.prognostics.balance import Balance, count_balance, refuse_no_log, refuse_one_sided
from training.prognostics.columns import Columns
from training.prognostics.history import Past, carry_forward
from training.prognostics.memory import Rows, fits_memory, usable_bytes
from training.prognostics.preparation import Preparation
from training.prognostics.questions import Counts, Questions, as_json, count_answers, describe, refuse_unanswered
from training.prognostics.records import cut_windows, rows_are_shared, training_records, whole_records
from training.prognostics.scaling import Scaling, fit_scaling, silent_channels
from training.prognostics.suspects import refuse_short_reach
from training.prognostics.windows import UnitLog, split_units

Array = NDArray[np.floating]

GAPS_SAID = 0.01
"""The share of training rows without a channel that is worth a line."""


@dataclass(frozen=True, kw_only=True)
class ForecastConfig(JobConfig):
    """Keys of every job that forecasts failure. Lengths of time are in the log's own unit."""

    num_epochs: int = option(12, "times the training set is seen", least=1)
    batch_size: int = option(64, "windows per step", least=1)
    lr: float = option(0.006, "learning rate at the start", least=0)
    optimizer: str = option("adam", "any optimizer MXNet knows by name: sgd, adam, ...")
    schedule: str = option("cosine", "how lr falls over the run", choices=("constant", "linear", "cosine"))
    window: int = option(50, "rows the net looks back", least=1)
    smooth: float = option(1.0, "rows over which each channel's running mean reaches back; 1: as measured", least=1)
    carry: int = option(20, "rows for which the last known value stands in for a missing one", least=0)
    stride: int = option(4, "every n-th row of a training unit ends a window: neighbours are nearly equal", least=1)
    thin: int = option(
        1, "of those with more life left than the cap only every n-th: they all teach one thing", least=1
    )
    horizon: Lengths = option(
        30.0, "the probability is that of a failure within this time; several like 24,48,168: one for each", least=0
    )
    cap: float = option(125.0, "remaining life is told up to this; beyond it a log shows no difference", least=1e-9)
    hidden: int = option(50, "size of the recurrent layer", least=1)
    segment: int = option(5, "rows the recurrent layer takes at a step: the more, the faster", least=1)
    dropout: float = option(0.1, "share of features left out at random while training", least=0, below=1)
    stretch: float = option(
        1.25,
        "training units are also shown as if they had lived so many times longer, and shorter; 1: not",
        least=1,
        below=10,  # a machine that lasts ten times as long is another kind of machine, and its rows fill the memory
    )
    jitter: float = option(
        0.2, "while training each window's channels are shift, each by up to about this many spreads", least=0
    )
    late_starts: int = option(
        1, "training units are also shown as if met in mid-life, their past unknown, so many times over", least=0
    )
    held_out: float = option(0.1, "share of the training units kept for validation", least=0, below=1)

    @property
    def horizons(self) -> tuple[float, ...]:
        """Rising."""
        return self.horizon if isinstance(self.horizon, tuple) else (self.horizon,)


def forecast_data(
    config: ForecastConfig,
    train: Sequence[UnitLog],
    test: Sequence[UnitLog],
    *,
    columns: Columns,
    source: str,
    checksum: str,
    parts: tuple[str, ...] = (),
) -> Data:
    """Hold out some *train* units, scale by the others, cut windows. Without *test* units the held-out ones stand in.

    Raises BadData when there are too few units, too many rows for the memory, or answers of one kind only.
    """
    refuse_no_log(train, source=source)
    fitted, held = split_units(train, held_out=config.held_out, seed=config.seed)
    if not fitted or not held:
        raise BadData(
            f"{source}: {len(train)} units give {len(fitted)} for training and {len(held)} for validation",
            "At least two units are needed; held_out=0.2 sets the share for validation.",
        )
    scaling = _fit_scaling(fitted, columns, source)
    refuse_short_reach(
        [*train, *test], time_unit=columns.time_unit, horizon=config.horizons[0], cap=config.cap, source=source
    )
    splits = {"training": fitted, "validation": held, "test": test or held}
    balances = say_balances(config, splits, source)
    questions = Questions(config.horizons, parts)
    counts = {name: count_answers(logs, questions) for name, logs in splits.items()}
    known = say_questions(counts, questions, columns, source)
    fits_memory(config, _rows_of(fitted, [*held, *test], config, columns), most_bytes=usable_bytes())
    _tell_gaps(fitted, [columns.features[place] for place in scaling.kept], scaling.kept, config.carry)
    valid = cut(held, scaling, config)
    balance = {name: one.as_json() for name, one in balances.items()}
    return Data(
        train=training_windows(fitted, scaling, config, columns),
        valid=valid,
        test=cut(test, scaling, config) if test else valid,
        source=source,
        checksum=checksum,
        keep={**preparation_of(config, columns, scaling, parts).as_json(), "balance": balance, **known},
    )


def _rows_of(fitted: Sequence[UnitLog], judged: Sequence[UnitLog], config: ForecastConfig, columns: Columns) -> Rows:
    own = columns.time in columns.channels or not rows_are_shared([*fitted, *judged], config)
    return Rows(_count_rows(fitted), _count_rows(judged), len(columns.features), shared=not own)


def _count_rows(logs: Sequence[UnitLog]) -> int:
    return sum(len(log.times) for log in logs)


def _fit_scaling(fitted: Sequence[UnitLog], columns: Columns, source: str) -> Scaling:
    scaling = fit_scaling(fitted, conditions=columns.conditions)
    if not scaling.kept:
        raise BadData(
            f"{source}: no channel tells anything about the {len(fitted)} training units:\n"
            + "\n".join(f"  - {one}" for one in silent_channels(fitted, columns.features)),
            "List columns under channels that change while a unit wears.",
        )
    return scaling


def say_questions(counts: dict[str, Counts], questions: Questions, columns: Columns, source: str) -> dict[str, Any]:
    """Of several questions: say what is known of each, and return it. Raises BadData where one has one answer only."""
    if len(questions.each()) == 1:
        return {}
    refuse_unanswered(counts, questions, time_unit=columns.time_unit, source=source)
    known = as_json(counts, questions, columns.time_unit)
    for line in describe(known):
        Console().say(line)
    return {"answers": known}


def preparation_of(config: ForecastConfig, columns: Columns, scaling: Scaling, parts: tuple[str, ...]) -> Preparation:
    return Preparation(
        columns,
        scaling,
        smooth=config.smooth,
        window=config.window,
        cap=config.cap,
        carry=config.carry,
        past_is_mean=True,
        questions=Questions(config.horizons, parts),
    )


def say_balances(config: ForecastConfig, splits: Mapping[str, Sequence[UnitLog]], source: str) -> dict[str, Balance]:
    balances = {name: count_balance(logs, horizon=config.horizons[0], cap=config.cap) for name, logs in splits.items()}
    return check_balances(config, balances, source)


def check_balances(config: ForecastConfig, balances: dict[str, Balance], source: str) -> dict[str, Balance]:
    """Say them. Raises BadData where they know one answer only."""
    refuse_one_sided(balances, horizon=config.horizons[0], source=source)
    for name, balance in balances.items():
        Console().say(f"{name}: {balance}")
    return balances


def _tell_gaps(logs: Sequence[UnitLog], names: Sequence[str], places: Sequence[int], carry: int) -> None:
    """A channel that stands at its mean in many rows looks well in all of them."""
    for name, share in zip(names, _shares_unknown(logs, places, carry), strict=True):
        if share > GAPS_SAID:
            Console().say(
                f"{name}: not measured for more than carry={carry} rows in {share:.0%} of the training rows; it then "
                "stands at its mean. A larger carry=N bridges longer gaps."
            )


def _shares_unknown(logs: Sequence[UnitLog], places: Sequence[int], carry: int) -> Array:
    """For each of the channels at *places*: the share of rows in which it has not been measured for *carry* rows."""
    late = np.zeros(len(places))
    for log in logs:
        filled = carry_forward(log.values, np.array([len(log.times)]), Past.none(1, log.values.shape[1], 0))
        if filled.had_gaps:
            late += np.sum(filled.since[:, list(places)] > carry, axis=0)
    return late / sum(len(log.times) for log in logs)


def training_windows(logs: Sequence[UnitLog], scaling: Scaling, config: ForecastConfig, columns: Columns) -> Split:
    """Each unit as it was, at other paces, and as if met in mid-life: X (n, window, features), y (n, answers)."""
    clock = columns.features.index(columns.time) if columns.time in columns.channels else None
    return Split(*cut_windows(logs, training_records(logs, config), scaling, config, clock=clock))


def count_training_windows(logs: Sequence[UnitLog], config: ForecastConfig) -> int:
    """How many windows training_windows gives; it needs the times of *logs* alone."""
    return sum(len(record.ends) for record in training_records(logs, config))


def cut(logs: Sequence[UnitLog], scaling: Scaling, config: ForecastConfig, *, stride: int = 1, thin: int = 1) -> Split:
    """Windows X (n, window, channels) and y (n, columns) of those rows of *logs* of which something is known."""
    return Split(*cut_windows(logs, whole_records(logs, config, stride=stride, thin=thin), scaling, config, clock=None))
