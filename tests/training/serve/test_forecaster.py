"""Forecasts in service equal those of training, however the log is cut into pieces."""

import itertools
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.prognostics.log_schema import Columns
from training.prognostics.preparation import Preparation
from training.prognostics.scaling import fit_scaling
from training.prognostics.table import Rows
from training.prognostics.windows import UnitLog, carry_forward, smoothed, windows
from training.serve.forecaster import Forecaster

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
    horizon=30.0,
    cap=125.0,
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
    assert np.allclose(np.concatenate([piece.probability for piece in pieces]), whole.probability, atol=1e-6)
    assert np.allclose(np.concatenate([piece.life for piece in pieces]), whole.life, atol=1e-4)


def test_service_sees_the_windows_that_training_saw():
    rows = mixed_rows()

    served = Forecaster(PREPARED, a_net).forecast(rows)

    for log in LOGS:
        scaled = PREPARED.scaling.apply(carry_forward(log.values), log.conditions)
        trained = a_net(windows(smoothed(scaled, over=5.0), length=7))
        here = [place for place, unit in enumerate(rows.units) if unit == log.unit]
        assert np.allclose(served.life[here], np.clip(trained[:, 0], 0, 125.0), atol=1e-4)


def test_preparation_survives_json():
    assert Preparation.from_json(json.loads(json.dumps(PREPARED.as_json()))).as_json() == PREPARED.as_json()
