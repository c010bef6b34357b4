"""Turbofan engines (NASA C-MAPSS): remaining life, and the probability of failure within the next cycles.

    python -m training turbofan --workdir runs/turbofan
    python -m training turbofan --workdir runs/fd003 subset=FD003 horizon=50
    python -m training predict --run runs/turbofan DIR/test_FD001.txt

Truth and forecast are capped at 125 cycles, and an engine is judged at the last row of its test record, as is usual.
Published RMSE on FD001 / FD003: LSTM 16.1 / 16.2 (Zheng 2017), bidirectional LSTM 13.7 / 13.7 (Wang 2018),
convolutional net 12.6 / 12.6 (Li 2018).

The settings were chosen by five-fold cross-validation over the training engines of FD001, cut off as test records are:
from cycle 31 on, 7 to 145 cycles before the failure, each engine counting alike. There a net that sees the sensors as
measured reaches 12.9, with their running mean over 10 rows 12.6, with the engine's age (its cycle, which every record
gives) 11.5, and with both 10.8; over 20 rows 10.5. So much of the score is owed to the age, and to engines that are
alike: where yours are not, try the sensors alone. A test of 100 engines is coarse: the standard error of its RMSE is
about 11 / sqrt(200) = 0.8 cycles.

Minutes: 0.2 on two CPU cores. Expect a test RMSE of 11.4 on FD001 (three seeds: 11.2 to 11.5) and 9.5 on FD003 (9.4 to
9.5), and Brier scores of 0.016 and 0.007. Data: your own copy, see training/prognostics/cmapss.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.config import option
from training.data.splits import Data
from training.environment import data_folder
from training.prognostics.cmapss import CHANNELS, COLUMNS, SETTINGS, SUBSETS, checksum, read_subset
from training.prognostics.columns import Columns
from training.prognostics.examination import best_simple, examine
from training.prognostics.forecast import ForecastConfig, forecast_data
from training.prognostics.forecast_net import forecast_learner, forecast_scores, last_row_scores
from training.report.forecasts import balance_section, life_section, reliability_section
from training.report.worth import baseline_section, importance_section, interval_section
from training.trainer.recipe import Recipe, Result, Scores

LAYOUT = Columns(
    unit="unit",
    time="cycle",
    time_unit="cycles",
    channels=CHANNELS,
    conditions=SETTINGS,
    separator="",
    header=COLUMNS,
)


@dataclass(frozen=True, kw_only=True)
class Config(ForecastConfig):
    subset: str = option("FD001", "one or six flight conditions, one or two kinds of fault", choices=SUBSETS)
    num_epochs: int = option(8, "times the training set is seen", least=1)
    segment: int = option(1, "rows the recurrent layer takes at a step: the more, the faster", least=1)
    smooth: float = option(20.0, "rows over which each channel's running mean reaches back; 1: as measured", least=1)


def data(config: Config) -> Data:
    folder = data_folder(config.data) / "cmapss"
    subset = read_subset(folder, config.subset)
    return forecast_data(
        config,
        subset.train,
        subset.test,
        columns=LAYOUT,
        source=f"NASA C-MAPSS {config.subset} ({folder})",
        checksum=checksum(folder, config.subset),
    )


def judge_at_last_row(result: Result, _: Path) -> Scores:
    """The scores others publish take the place of those over all rows, which stay under names of their own."""
    simple = best_simple(result.findings.simple_at_last_row)
    last = {**last_row_scores(result.test.outputs, result.test.y), **simple}
    every_row = {f"{name}_every_row": result.scores[name] for name in last if name in result.scores}
    return {**every_row, **last}


JOB = Recipe(
    config=Config,
    data=data,
    learner=forecast_learner,
    metrics=forecast_scores,
    best="rmse",
    higher_is_better=False,
    last_is_best=True,  # a few units: their scores jump from epoch to epoch, and choosing by them chose too early
    examine=examine,
    sections=(
        baseline_section,
        reliability_section,
        interval_section,
        life_section,
        importance_section,
        balance_section,
    ),
    after=judge_at_last_row,
)
