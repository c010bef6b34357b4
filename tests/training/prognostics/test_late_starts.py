"""Training shows units met in mid-life exactly as service meets them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.prognostics.columns import Columns
from training.prognostics.forecast import ForecastConfig, forecast_data
from training.prognostics.late_starts import late_starts
from training.prognostics.layout import Rows
from training.prognostics.memory import ANSWER_BYTES, ORDER_BYTES, bytes_needed
from training.prognostics.memory import Rows as MemoryRows
from training.prognostics.preparation import Preparation
from training.prognostics.windows import UnitLog
from training.serve.forecaster import Forecaster

WINDOW = 6
COLUMNS = Columns(unit="unit", time="t", channels=("x", "y"))


def a_log(unit: str, rows: int, *, fails_at: float = np.nan) -> UnitLog:
    random = np.random.RandomState(len(unit) + rows)
    values = random.standard_normal((rows, 2)).astype(np.float32)
    values[random.rand(rows, 2) < 0.2] = np.nan
    return UnitLog(unit, np.arange(float(rows)), values, np.zeros((rows, 0), np.float32), fails_at)


@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 3), st.integers(0, 99))
def test_every_row_but_those_before_the_first_cut_is_met_once_each_time(rows, window, times, seed):
    firsts = np.random.RandomState(seed).randint(1, window + 1, times).tolist()

    cuts = list(late_starts(rows, firsts, window=window))

    met = np.concatenate([np.empty(0, dtype=int), *(np.arange(first, first + counts.sum()) for first, counts in cuts)])
    assert all(1 <= count <= window for _, counts in cuts for count in counts)
    assert all(np.sum(met == row) == times for row in range(window, rows))
    assert 0 not in met
    assert not len(met) or max(met) == rows - 1


def forecasting_config(**keys) -> ForecastConfig:
    lengths = {"window": WINDOW, "horizon": 5.0, "cap": 20.0, "carry": 3, "smooth": 4.0}
    return ForecastConfig(**{**lengths, "stretch": 1.0, "stride": 1, "held_out": 0.3, **keys})


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 50))
def test_a_training_window_of_a_late_start_is_the_one_that_service_makes_of_a_log_that_begins_there(seed):
    logs = [a_log(name, 40, fails_at=39.0) for name in ("a", "bb", "ccc", "dddd")]
    config = forecasting_config(seed=seed)

    data = forecast_data(config, logs, [], columns=COLUMNS, source="made up", checksum="")

    born, prepared = 40 * 3, Preparation.from_json(data.keep)

    late = {window.tobytes() for window in np.asarray(data.train.X)[born:]}
    served = {window.tobytes() for log in logs for begin in range(1, 40) for window in windows_of(log, begin, prepared)}
    assert late
    assert late <= served


def windows_of(log: UnitLog, begin: int, prepared: Preparation) -> list[np.ndarray]:
    """What the net is shown where *log* is met at its row *begin*, as long as its windows are not full."""
    shown = []

    def net(X):
        shown.extend(X)
        return np.zeros((len(X), 2))

    end = min(begin + WINDOW, len(log.times))
    count = end - begin
    rows = Rows(
        [log.unit] * count, log.times[begin:end], log.values[begin:end], log.conditions[begin:end], np.arange(count)
    )
    Forecaster(prepared, net).forecast(rows)
    return shown


@pytest.mark.parametrize("late", [0, 1, 3])
def test_the_rows_of_late_starts_are_reckoned_before_they_are_made(late):
    logs = [a_log("abcdefgh"[:number], 200, fails_at=199.0) for number in range(1, 9)]
    config = forecasting_config(late_starts=late, held_out=0.25)
    data = forecast_data(config, logs, [], columns=COLUMNS, source="", checksum="")

    rows = data.train.X.rows
    assert len(rows) <= 6 * 200 * (1 + late) + len(np.unique(data.train.X.begins))
    needed = MemoryRows(6 * 200, 0, 2, shared=False)
    more = bytes_needed(config, needed) - bytes_needed(replace(config, late_starts=0), needed)
    assert more == late * 6 * 200 * (8 + ORDER_BYTES + ANSWER_BYTES / config.stride)
