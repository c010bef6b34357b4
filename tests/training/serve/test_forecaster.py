"""Forecasts in service equal those of training, however the log is cut into pieces."""

import io
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.windows import Windows
from training.prognostics.columns import Columns
from training.prognostics.history import prepare
from training.prognostics.intervals import Interval, Spread
from training.prognostics.late_starts import UNKNOWN_PAST
from training.prognostics.layout import Rows
from training.prognostics.preparation import Preparation
from training.prognostics.questions import Questions
from training.prognostics.scaling import fit_scaling
from training.prognostics.windows import UnitLog
from training.serve.forecaster import Forecaster
from training.serve.predict import serve
from training.serve.rows import Arrived

CHANNELS = 3


def a_log(unit: str, rows: int, seed: int) -> UnitLog:
    random = np.random.RandomState(seed)
    values = random.standard_normal((rows, CHANNELS)).astype(np.float32)
    values[random.rand(rows, CHANNELS) < 0.2] = np.nan
    conditions = random.randint(0, 2, (rows, 1)).astype(np.float32)
    return UnitLog(unit, np.arange(float(rows)), values, conditions)


LOGS = [a_log("a", 23, 1), a_log("b", 40, 2)]
PREPARED = Preparation(
    Columns(unit="unit", time="t", channels=("x", "y", "z"), conditions=("c",)),
    fit_scaling(LOGS),
    smooth=5.0,
    window=7,
    cap=125.0,
    questions=Questions((30.0,)),
    past_is_mean=True,
)


def a_net(X):
    """Any function of a window that feels each of its numbers."""
    weights = np.linspace(-1, 1, X.shape[1] * X.shape[2], dtype=np.float32)
    return np.stack([60 + X.reshape(len(X), -1) @ weights, X[:, -1].sum(axis=1) - X[:, 0].sum(axis=1)], axis=1)


def mixed_rows() -> Rows:
    """The rows of both units, as machines send them: in turn."""
    order = np.argsort(np.concatenate([log.times for log in LOGS]), kind="stable")
    return Rows(
        units=np.repeat([log.unit for log in LOGS], [len(log.times) for log in LOGS])[order].tolist(),
        times=np.concatenate([log.times for log in LOGS])[order],
        values=np.concatenate([log.values for log in LOGS])[order],
        conditions=np.concatenate([log.conditions for log in LOGS])[order],
        lines=np.arange(len(order)),
    )


def part(rows: Rows, start: int, end: int) -> Rows:
    cut = slice(start, end)
    return Rows(rows.units[cut], rows.times[cut], rows.values[cut], rows.conditions[cut], rows.lines[cut])


@settings(deadline=None)
@given(st.lists(st.integers(1, 62), unique=True, max_size=12))
def test_a_log_in_pieces_is_forecast_as_the_whole_log(cuts):
    rows = mixed_rows()
    edges = [0, *sorted(cuts), len(rows.units)]
    forecaster = Forecaster(PREPARED, a_net)

    pieces = [forecaster.forecast(part(rows, start, end)) for start, end in itertools.pairwise(edges)]

    whole = Forecaster(PREPARED, a_net).forecast(rows)
    for mark in ("rows", "missing", "outside", "known"):
        assert np.array_equal(np.concatenate([getattr(piece, mark) for piece in pieces]), getattr(whole, mark))
    assert np.allclose(np.concatenate([piece.probability for piece in pieces]), whole.probability, atol=1e-6)
    assert np.allclose(np.concatenate([piece.life for piece in pieces]), whole.life, atol=1e-4)


@pytest.mark.parametrize("past_is_mean", [True, False])
def test_service_sees_the_windows_that_training_saw(past_is_mean):
    """Also those of an older run, for which the first row stood for the unknown past."""
    rows = mixed_rows()

    served = Forecaster(replace(PREPARED, past_is_mean=past_is_mean), a_net).forecast(rows)

    before = UNKNOWN_PAST if past_is_mean else 0
    prepared, begins = prepare(LOGS, PREPARED.scaling, carry=PREPARED.carry, over=5.0, before=before)
    ends = np.concatenate([begins[0] + before + np.arange(23), begins[1] + before + np.arange(40)])
    trained = a_net(np.asarray(Windows(prepared, np.repeat(begins, [23, 40]), ends, 7)))
    for number, log in enumerate(LOGS):
        here = [place for place, unit in enumerate(rows.units) if unit == log.unit]
        mine = trained[[0, 23][number] :][: len(here)]
        assert np.allclose(served.life[here], np.clip(mine[:, 0], 0, 125.0), atol=1e-4)


def test_preparation_survives_json():
    assert Preparation.from_json(json.loads(json.dumps(PREPARED.as_json()))).as_json() == PREPARED.as_json()


def the_rows(values, *, condition: float = 0.0, unit: str = "a") -> Rows:
    count = len(values)
    conditions = np.full((count, 1), condition, dtype=np.float32)
    return Rows([unit] * count, np.arange(float(count)), np.float32(values), conditions, np.arange(count))


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(1, 12), st.sets(st.integers(0, CHANNELS - 1), min_size=1), st.booleans())
def test_a_channel_that_dies_is_counted_and_all_of_them_end_the_forecast(carry, dead_for, dead, at_once):
    alive, silent = np.zeros((5, CHANNELS)), np.zeros((dead_for, CHANNELS))
    silent[:, list(dead)] = np.nan
    forecaster, rows = Forecaster(replace(PREPARED, carry=carry), a_net), the_rows(np.concatenate([alive, silent]))
    count = len(rows.units)

    pieces = [rows] if at_once else [part(rows, place, place + 1) for place in range(count)]
    said = [forecaster.forecast(piece) for piece in pieces]

    assert np.concatenate([one.missing for one in said]).tolist() == [0] * 5 + [len(dead)] * dead_for
    rests_on_something = [len(dead) < CHANNELS or row < 5 + carry for row in range(count)]
    assert np.concatenate([one.known for one in said]).tolist() == rests_on_something
    assert np.concatenate([one.rows for one in said]).tolist() == [min(row + 1, 7) for row in range(count)]


def test_a_unit_that_never_reported_gets_no_forecast_though_its_age_is_known():
    columns = Columns(unit="unit", time="t", channels=("t", "y", "z"), conditions=("c",))
    rows = the_rows([[number, np.nan, np.nan] for number in range(5)])

    assert not Forecaster(replace(PREPARED, columns=columns), a_net).forecast(rows).known.any()


@given(st.sampled_from([-999.0, 1e9, -1e6]), st.integers(0, CHANNELS - 1))
def test_what_training_never_saw_is_marked_and_its_own_rows_are_not(strange, channel):
    values = np.zeros((3, CHANNELS))
    values[1, channel] = strange

    assert Forecaster(PREPARED, a_net).forecast(the_rows(values)).outside.tolist() == [0, 1, 0]
    assert Forecaster(PREPARED, a_net).forecast(the_rows(np.zeros((2, CHANNELS)), condition=7.0)).outside.all()
    assert not Forecaster(PREPARED, a_net).forecast(mixed_rows()).outside.any()


def test_predict_prints_the_marks_and_leaves_a_forecast_of_nothing_empty():
    out, rows = io.StringIO(), the_rows([[0, 0, 0], [np.nan] * 3, [0, -999, np.nan]])

    prepared = replace(PREPARED, carry=0, interval=Interval(Spread((50.0,), (1.0,), (1.0,)), 3.0, 125.0, units=9))
    serve(Forecaster(prepared, a_net), [Arrived(rows, ["10", "11", "12"])], out)

    header, first, dead, odd = (line.split(",") for line in out.getvalue().splitlines())
    assert header == ["unit", "time", "probability", "life", "rows", "missing", "outside", "low", "high"]
    assert [cell == "" for cell in first] == [False] * 9
    assert first[4:7] == ["1", "0", "0"]
    assert dead == ["a", "11", "", "", "2", "3", "0", "", ""]
    assert [cell == "" for cell in odd] == [False] * 9
    assert odd[4:7] == ["3", "1", "1"]
    assert float(odd[7]) <= float(odd[3]) <= float(odd[8])
    without = io.StringIO()
    serve(Forecaster(PREPARED, a_net), [Arrived(the_rows([[0, 0, 0]]), ["10"])], without)
    assert without.getvalue().splitlines()[1].endswith(",1,0,0,,")
