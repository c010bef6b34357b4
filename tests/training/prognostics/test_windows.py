"""From logs to windows: nothing of the future, nothing of another unit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import BadData
from training.prognostics.scaling import Scaling, fit_scaling
from training.prognostics.windows import (
    UnitLog,
    split_units,
    stretch,
    targets,
)


def a_log(unit="a", rows=20, *, channels=3, fails_at=np.nan, conditions=None, seed=0):
    values = np.random.RandomState(seed).standard_normal((rows, channels)).astype(np.float32)
    conditions = np.zeros((rows, 0), dtype=np.float32) if conditions is None else conditions
    return UnitLog(unit, np.arange(1.0, rows + 1), values, conditions, fails_at)


@given(st.integers(3, 60), st.floats(0.05, 0.9), st.integers(0, 2**31))
def test_no_unit_is_on_both_sides_of_a_split(units, held_out, seed):
    logs = [a_log(str(number), rows=2, fails_at=number % 3 or np.nan) for number in range(units)]

    train, valid = split_units(logs, held_out=held_out, seed=seed)

    assert {log.unit for log in train}.isdisjoint(log.unit for log in valid)
    assert sorted(log.unit for log in train + valid) == sorted(log.unit for log in logs)
    assert abs(len(valid) - held_out * units) <= 2


def test_scaling_is_learnt_from_the_training_units_alone():
    train, other = [a_log("a", seed=1), a_log("b", seed=2)], a_log("c", seed=3)

    scaling = fit_scaling(train)

    seen = np.concatenate([scaling.apply(log.values, log.conditions) for log in train])
    assert seen.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-6)
    assert seen.std(axis=0) == pytest.approx([1, 1, 1], abs=1e-6)
    assert np.abs(scaling.apply(other.values, other.conditions).mean(axis=0)).max() > 0.01


def test_targets_of_a_unit_that_failed():
    asked = targets(a_log(rows=4, fails_at=5.0), cap=2.0, horizon=3.0)

    assert asked.remaining.tolist() == [4, 3, 2, 1]
    assert asked.fails.tolist() == [0, 1, 1, 1]
    assert asked.remaining_known.tolist() == asked.fails_known.tolist() == [1, 1, 1, 1]


def test_a_unit_that_still_runs_answers_only_what_its_record_shows():
    asked = targets(a_log(rows=5), cap=3.0, horizon=2.0)

    assert asked.remaining.tolist() == [4, 3, 0, 0, 0]
    assert asked.remaining_known.tolist() == [1, 1, 0, 0, 0]
    assert asked.fails.tolist() == [0, 0, 0, 0, 0]
    assert asked.fails_known.tolist() == [1, 1, 0, 0, 0]


def test_each_operating_condition_is_scaled_by_itself_and_told_apart_by_the_nearest():
    conditions = np.tile(np.array([[0.0, 60.0], [42.0, 100.0]], dtype=np.float32), (10, 1))
    log = a_log(conditions=conditions + 0.01)
    shifted = UnitLog("a", log.times, log.values + 500.0 * (conditions[:, :1] > 0), log.conditions)

    scaling = fit_scaling([shifted])

    assert scaling.centres.tolist() == [[0.0, 60.0], [42.0, 100.0]]
    seen = scaling.apply(shifted.values, shifted.conditions)
    assert seen[::2].mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-4)
    assert seen[1::2].std(axis=0) == pytest.approx([1, 1, 1], abs=1e-4)


@given(st.floats(0.5, 2.0), st.integers(0, 99))
def test_a_stretched_unit_shows_its_own_rows_in_order_and_fails_later_by_the_factor(factor, seed):
    log = a_log(rows=40, fails_at=40.0)

    slow, shown = stretch(log, factor, np.random.RandomState(seed).rand(100))

    places = np.arange(len(shown)) / factor
    assert len(slow.times) == len(shown) == int(39 * factor) + 1
    assert shown.tolist() == sorted(shown)
    assert np.abs(shown - places).max() <= 1
    assert slow.remaining[0] == pytest.approx(39 * factor)
    assert np.diff(slow.times) == pytest.approx(np.ones(len(shown) - 1))


def test_constant_and_empty_channels_are_left_out_and_unknown_values_are_the_mean():
    log = a_log(channels=4)
    log.values[:, 1] = 518.67
    log.values[:, 2] = np.nan
    log.values[3, 0] = np.nan

    scaling = fit_scaling([log])

    assert scaling.kept == (0, 3)
    assert scaling.apply(log.values, log.conditions)[3, 0] == 0.0


def test_six_flight_conditions_are_told_apart_though_their_columns_are_noisy():
    random = np.random.RandomState(0)
    six = np.array([[0, 0, 100], [10, 0.25, 100], [20, 0.7, 100], [25, 0.62, 60], [35, 0.84, 100], [42, 0.84, 100]])
    flown = six[random.randint(0, 6, 600)] + random.uniform(-0.003, 0.003, (600, 3))

    scaling = fit_scaling([a_log(rows=600, conditions=flown.astype(np.float32))])

    assert scaling.centres[:, 0].tolist() == [0, 10, 20, 25, 35, 42]


def test_a_condition_that_takes_any_value_is_refused_and_named():
    rpm = np.random.RandomState(0).uniform(800, 6000, (4000, 1)).astype(np.float32)

    with pytest.raises(BadData, match=r"the conditions \(rpm\) have 2,792 different values in 4,000 rows") as caught:
        fit_scaling([a_log(rows=4000, conditions=rpm)], conditions=["rpm"])

    assert "under channels instead" in caught.value.hint


def test_scaling_survives_json_to_the_bit():
    log = a_log(conditions=np.tile(np.float32([[0], [7]]), (10, 1)))
    scaling = fit_scaling([log])

    again = Scaling.from_json(json.loads(json.dumps(scaling.as_json())))

    assert np.array_equal(again.apply(log.values, log.conditions), scaling.apply(log.values, log.conditions))
