"""The promise of nine in ten, held for units never seen, and not made where too few units could keep it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.prognostics.intervals import (
    FEWEST_UNITS,
    LEVEL,
    Interval,
    Spread,
    calibrate,
    conformal_factor,
    coverage,
    fit_spread,
    left_out_coverage,
)

CAP = 100.0


def a_fleet(units: int, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Told life, true life and unit of each row. Units differ in how far off they are told, and in their length."""
    lengths = random.randint(5, 60, units)
    unit = np.repeat(np.arange(units), lengths)
    true = np.concatenate([np.arange(length, 0.0, -1.0) for length in lengths])
    off = random.standard_normal(units)[unit] * 6 + random.standard_normal(len(unit)) * (1 + true / 10)
    return np.clip(true + off, 0, CAP), true, unit.astype(np.float64)


@pytest.mark.parametrize("units", [FEWEST_UNITS, 30])
def test_a_row_of_a_new_unit_is_held_nine_times_in_ten(units):
    """Rows drawn at random would promise the same and hold less: those of one unit are off together."""
    random, held = np.random.RandomState(3), []
    for _ in range(150):
        spread = fit_spread(*a_fleet(60, random)[:2], cap=CAP)
        interval = calibrate(*a_fleet(units, random), spread=spread, cap=CAP)
        told, true, unit = a_fleet(20, random)
        held.append(coverage(*interval.around(told), true, unit).share)

    assert np.mean(held) > LEVEL - 2 * np.std(held) / np.sqrt(len(held))
    assert units == FEWEST_UNITS or np.mean(held) < 0.97


@given(st.integers(1, FEWEST_UNITS - 1))
def test_too_few_units_promise_nothing(units):
    told, true, unit = a_fleet(units, np.random.RandomState(units))

    assert calibrate(told, true, unit, spread=fit_spread(told, true, cap=CAP), cap=CAP) is None
    assert np.isinf(conformal_factor(np.abs(told - true), unit))


def test_each_unit_weighs_alike_however_long_its_record():
    short, long = np.zeros(1), np.ones(99)
    units = np.concatenate([short, long])

    held = coverage(np.where(units == 0, 0.0, 2.0), np.full(100, 4.0), np.ones(100), units)

    assert (held.share, held.units) == (0.5, 2)
    assert held.width == pytest.approx(3.0)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_an_interval_holds_its_own_told_life_within_zero_and_the_cap_and_survives_json(seed):
    random = np.random.RandomState(seed)
    told, true, unit = a_fleet(12, random)
    interval = calibrate(told, true, unit, spread=fit_spread(told, true, cap=CAP), cap=CAP)

    low, high = interval.around(told)

    assert (low >= 0).all()
    assert (low <= told).all()
    assert (told <= high).all()
    assert (high <= CAP).all()
    assert Interval.from_json(json.loads(json.dumps(interval.as_json()))) == interval


def test_validation_units_are_judged_by_an_interval_that_they_had_no_part_in():
    """One unit is off by far: were it among those that set its interval, it would be held."""
    told, true = np.full(200, 50.0), np.full(200, 51.0)
    unit = np.repeat(np.arange(20.0), 10)
    true[:10] = 90.0
    spread = Spread(told=(50.0,), below=(1.0,), above=(1.0,))

    held = left_out_coverage(told, true, unit, spread=spread, cap=CAP)

    assert held.share == pytest.approx(19 / 20)
    assert left_out_coverage(told[:90], true[:90], unit[:90], spread=spread, cap=CAP) is None
