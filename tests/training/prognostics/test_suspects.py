"""What a log says that is hardly meant so is refused or said; what is meant so is left in peace."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import BadData
from training.prognostics import suspects
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.suspects import (
    FROZEN,
    STAND_INS,
    refuse_other_unit,
    refuse_short_reach,
    suspect_frozen,
    suspect_values,
)
from training.prognostics.windows import UnitLog

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def a_log(times, values=None) -> UnitLog:
    times = np.asarray(times, dtype=np.float64)
    values = np.zeros((len(times), 1)) if values is None else np.asarray(values)[:, None]
    return UnitLog("a", times, values.astype(np.float32), np.zeros((len(times), 0), np.float32))


def measured(rows: int = 200) -> np.ndarray:
    return 20.0 + np.random.RandomState(3).rand(rows)


@given(st.sets(st.sampled_from(STAND_INS), max_size=2), st.integers(1, 40), st.booleans())
def test_stand_ins_are_suspected_and_how_to_declare_them_is_said(stand_ins, count, gone):
    values = measured()
    for number, value in enumerate(sorted(stand_ins)):
        values[number :: 200 // count][:count] = value
    values[199] = np.nan if gone else values[199]

    said = suspect_values([a_log(range(200), values)], ["heat"])

    present = [value for value in sorted(stand_ins) if (values == value).any()]
    assert bool(said) == bool(present)
    for value in present:
        assert f"{value:g}" in said[0].split("missing = ")[1]


@given(
    st.lists(st.sampled_from([20.0, 21.5, 23.0, 24.0, 40.0, *STAND_INS[:3], *STAND_INS[5:8]]), min_size=1, max_size=60),
    st.integers(1, 60),
)
def test_a_look_at_a_few_values_acquits_no_channel_that_all_of_them_convict(values, looked_at):
    log = a_log(range(len(values)), values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suspects, "LOOKED_AT", looked_at)
        after_a_look = suspect_values([log], ["heat"])
        patch.setattr(suspects, "_is_whole", lambda known: False)

        assert after_a_look == suspect_values([log], ["heat"])


@given(st.floats(-1e6, 1e6), st.integers(3, 20))
def test_any_value_that_comes_often_and_far_from_all_others_is_suspected(value, count):
    values = measured()
    values[:count] = value
    far = not 16.0 < np.float32(value) < 25.0

    said = suspect_values([a_log(range(200), values)], ["heat"])

    assert not far or len(said) == 1


@pytest.mark.parametrize(
    "values",
    [
        measured(),
        np.arange(200) % 3,
        np.full(200, 7.0),
        np.linspace(-999, 999, 200),
        np.exp(measured() - 15),
        [0.0] * 200,
    ],
)
def test_what_a_sensor_may_well_show_is_not_suspected(values):
    assert suspect_values([a_log(range(200), values)], ["heat"]) == []


@pytest.mark.parametrize("time_unit", SECONDS)
@pytest.mark.parametrize("per_second", [1, 1e3, 1e6])
def test_seconds_since_1970_pass_under_seconds_only_and_all_finer_ones_nowhere(time_unit, per_second):
    times = (1.7e9 + 3600.0 * np.arange(5)) * per_second
    columns = Columns(time="t", channels=("x",), time_unit=time_unit)

    if (time_unit, per_second) == ("seconds", 1):
        refuse_other_unit([a_log(times)], columns)
        return
    with pytest.raises(BadData, match="more than a thousand years"):
        refuse_other_unit([a_log(times)], columns)


@pytest.mark.parametrize("time_unit", SECONDS)
def test_dates_of_our_days_pass_under_every_unit(time_unit):
    columns = Columns(time="t", channels=("x",), time_unit=time_unit)
    times = (1.2e9 + 3600.0 * np.arange(1000)) / SECONDS[time_unit]

    refuse_other_unit([a_log(times)], columns)


def test_dates_in_digits_are_refused():
    with pytest.raises(BadData, match="t: 20240228 looks like a date"):
        refuse_other_unit([a_log([20240228, 20240229, 20240301])], Columns(time="t", channels=("x",)))


@given(st.floats(0.1, 1e6), st.floats(0, 1e6), st.floats(0.1, 1e6))
def test_a_horizon_or_a_cap_that_ends_before_the_next_row_is_refused(step, horizon, cap):
    logs = [a_log(step * np.arange(9)), a_log([5.0])]
    real = float(np.median(np.diff(logs[0].times)))
    asked = {"time_unit": "hours", "horizon": horizon, "cap": cap, "source": "the log"}

    if horizon >= real and cap >= real:
        refuse_short_reach(logs, **asked)
        return
    with pytest.raises(BadData, match="ends before the next one"):
        refuse_short_reach(logs, **asked)


@given(st.one_of(st.floats(-1e30, 1e30), st.just(2147483647.0)), st.integers(3, 20))
@settings(deadline=None)
def test_a_stand_in_copied_from_what_is_said_is_the_value_of_the_log(value, count):
    """2147483647 is 2.14748e+09 in six digits, and another number."""
    values = measured()
    values[:count] = value

    said = suspect_values([a_log(range(200), values)], ["heat"])

    for line in said:
        (copied,) = tomllib.loads(line.split("TOML: ")[1])["missing"]
        assert np.float32(copied) == np.float32(value)


@pytest.mark.parametrize("stopped", [FROZEN - 1, FROZEN, 90])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_sensor_that_stood_still_is_named(stopped, gaps):
    values = measured()
    values[100 : 100 + stopped] = 20.25
    values[::7] = np.where(gaps, np.nan, values[::7])
    values[100 : 100 + stopped] = 20.25

    said = suspect_frozen([a_log(range(200), measured()), a_log(range(200), values)], ["heat"])

    assert len(said) == (stopped >= FROZEN)
    if said:
        assert said[0].startswith(f"heat: shows 20.25 in {stopped} rows on end of unit 'a', and changes nearly always")


@pytest.mark.parametrize(
    "values",
    [
        measured(),
        np.arange(200) // 40,  # a setting
        np.round(measured(), 1),
        np.repeat(measured(20), 10),
        np.full(200, 20.0),
        np.full(200, np.nan),
    ],
)
def test_settings_and_values_of_few_digits_did_not_stand_still(values):
    assert suspect_frozen([a_log(range(200), values)], ["heat"]) == []
