"""What a log's rows are, seen from what training saw, is said once at the end."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.serve.test_forecaster import PREPARED, a_net, mixed_rows, the_rows
from training.prognostics.intervals import Interval, Spread
from training.serve.forecaster import Forecaster


def test_rows_like_those_of_training_are_no_drift():
    forecaster = Forecaster(PREPARED, a_net)
    forecaster.forecast(mixed_rows())

    assert forecaster.drift.note() == ""


def test_the_channels_that_left_are_named_with_the_side_and_the_count():
    forecaster, values = Forecaster(PREPARED, a_net), np.zeros((40, 3))
    values[:10, 1], values[5:8, 2] = 1e6, -1e6
    forecaster.forecast(the_rows(values))

    assert forecaster.drift.note().startswith(
        "10 of 40 rows (25%) are outside what training saw: y above in 10; z below in 3."
    )


def test_a_way_to_run_that_training_never_saw_is_said_too():
    forecaster = Forecaster(PREPARED, a_net)
    forecaster.forecast(the_rows(np.zeros((4, 3)), condition=9.0))

    assert "4 of 4 rows (100%)" in forecaster.drift.note()


@pytest.mark.parametrize("factor", [0.0, 2.0])
def test_a_forecast_has_the_interval_of_its_told_life(factor):
    interval = Interval(Spread((0.0, 125.0), (1.0, 11.0), (2.0, 2.0)), factor=factor, cap=125.0, units=9)
    said = Forecaster(replace(PREPARED, interval=interval), a_net).forecast(mixed_rows())

    low, high = interval.around(said.life)
    assert np.array_equal(said.low, low)
    assert np.array_equal(said.high, high)
    assert np.isnan(Forecaster(PREPARED, a_net).forecast(mixed_rows()).low).all()
