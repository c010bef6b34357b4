"""What a forecast of failure is judged by, against numbers worked out by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.prognostics.metrics import (
    ReliabilityBin,
    brier,
    brier_skill,
    calibration_error,
    capped_rmse,
    nasa_score,
    reliability,
)


def test_rmse_forgives_what_lies_beyond_the_cap_on_either_side():
    predicted, true = np.array([200.0, 10.0, -5.0]), np.array([140.0, 13.0, 4.0])

    assert capped_rmse(predicted, true, cap=125.0) == pytest.approx(np.sqrt((0 + 9 + 16) / 3))


def test_nasa_score_punishes_late_more_than_early():
    early = nasa_score(np.array([7.0]), np.array([20.0]), cap=125.0)
    late = nasa_score(np.array([33.0]), np.array([20.0]), cap=125.0)

    assert early == pytest.approx(np.e - 1)
    assert late == pytest.approx(np.exp(1.3) - 1)


def test_saying_the_base_rate_has_no_skill_and_knowing_has_all():
    happened = np.array([0.0, 0.0, 0.0, 1.0])

    assert brier_skill(np.full(4, 0.25), happened) == pytest.approx(0.0)
    assert brier_skill(happened, happened) == 1.0
    assert brier(1 - happened, happened) == 1.0


def test_a_reliability_bin_holds_what_was_said_and_what_then_happened():
    probability, happened = np.array([0.02, 0.04, 0.31, 0.33, 1.0]), np.array([0.0, 0.0, 0.0, 1.0, 1.0])

    curve = reliability(probability, happened)

    assert [one.count for one in curve] == [2, 2, 1]
    assert curve[1] == ReliabilityBin(count=2, said=pytest.approx(0.32), happened=0.5)
    assert calibration_error(curve) == pytest.approx((2 * 0.03 + 2 * 0.18 + 0) / 5)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200), st.integers(1, 20))
def test_every_forecast_is_in_exactly_one_bin(forecasts, bins):
    probability, happened = np.array([p for p, _ in forecasts]), np.array([float(h) for _, h in forecasts])

    curve = reliability(probability, happened, bins=bins)

    assert sum(one.count for one in curve) == len(forecasts)
    assert sum(one.count * one.happened for one in curve) == pytest.approx(happened.sum())
    assert all(low.said <= high.said for low, high in pairwise(curve))
