"""Rows in steps of time: what a step tells, gaps, and the same bits in training, in packed shards and in service."""

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.console import Console
from training.errors import BadData
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics.columns import Columns
from training.prognostics.layout import Rows
from training.prognostics.log_schema import read_description
from training.prognostics.moments import moment_like
from training.prognostics.preparation import Preparation
from training.prognostics.questions import Questions
from training.prognostics.read_log import read_log
from training.prognostics.resampling import MOST_EMPTY, log_in_steps
from training.prognostics.scaling import fit_scaling
from training.prognostics.windows import UnitLog
from training.serve import forecaster as forecasting
from training.serve.forecaster import Forecaster, Memory
from training.serve.predict import serve
from training.serve.rows import Arrived, pick_rows
from training.serve.state_file import read_state, write_state
from training.serve.stepping import finish_steps, forecast_steps

COLUMNS = Columns(
    unit="unit", time="t", time_unit="seconds", channels=("heat", "mode", "t"), conditions=("gear",), step=10.0,
    aggregates=("mean", "spread", "min", "max"), categories=(("mode", ("eco", "sport")),),
)  # fmt: skip


def an_irregular_log(unit: str, seed: int, rows: int = 120) -> UnitLog:
    """Some rows a second, some alone, pauses of minutes; a third of the values missing."""
    random = np.random.RandomState(seed)
    times = 1000.0 + np.cumsum(
        random.choice([0.3, 1.0, 4.0, 9.0, 60.0, 3000.0], rows, p=[0.3, 0.3, 0.2, 0.1, 0.09, 0.01])
    )
    modes = np.eye(2)[random.randint(0, 2, rows)]
    heat = 1e5 + random.standard_normal(rows)
    values = np.column_stack([heat, modes, times]).astype(np.float32)
    values[random.rand(rows) < 0.3, :3] = np.nan
    return UnitLog(unit, times, values, random.randint(0, 3, (rows, 1)).astype(np.float32), fails_at=times[-1])


def rows_of(logs: list[UnitLog], order: np.ndarray) -> Arrived:
    """All rows of *logs* as they might arrive, those of each unit in the order of time."""
    units = np.concatenate([[log.unit] * len(log.times) for log in logs])[order]
    times, values, conditions = (
        np.concatenate([getattr(log, part) for log in logs])[order] for part in ("times", "values", "conditions")
    )
    rows = Rows(units.tolist(), times, values, conditions, np.arange(len(times)))
    return Arrived(rows, [str(time) for time in times])


def test_a_step_tells_mean_spread_and_extremes_of_its_rows_and_a_gap_tells_nothing():
    columns = Columns(
        time="t", time_unit="seconds", channels=("heat",), step=10.0, aggregates=("mean", "spread", "min", "max")
    )
    values = np.float32([[1], [2], [6], [np.nan], [3], [9]])
    log = UnitLog("u", np.array([0.0, 4, 9.9, 12, 31, 40]), values, np.zeros((6, 0), np.float32))

    steps = log_in_steps(log, columns)

    assert columns.features == ("heat mean", "heat spread", "heat min", "heat max")
    assert steps.times.tolist() == [10.0, 20.0, 30.0, 40.0]  # the one of the last row is not over
    whole = np.float32([3, np.std([1, 2, 6]), 1, 6])
    nothing = [np.nan] * 4
    assert np.array_equal(steps.values, np.float32([whole, nothing, nothing, [3, 0, 3, 3]]), equal_nan=True)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(0.7, 900))
def test_each_step_holds_what_numpy_says_of_its_rows_and_nothing_later(seed, units, step):
    columns = replace(COLUMNS, step=step)
    log = an_irregular_log("u", seed)
    found = log_in_steps(log, columns)

    number = np.floor(log.times / step + 1e-6)
    for time, values, gear in zip(found.times, found.values, found.conditions, strict=True):
        here = number == round(time / step) - 1
        heat = log.values[here, 0].astype(np.float64)
        heat = heat[~np.isnan(heat)]
        expected = [heat.mean(), heat.std(), heat.min(), heat.max()] if len(heat) else [np.nan] * 4
        np.testing.assert_allclose(values[:4], expected, rtol=1e-6, atol=1e-6)
        assert values[6] == np.float32(time)
        assert gear == log.conditions[number < round(time / step)][-1]
    assert (np.diff(found.times) > 0).all()
    assert (found.times <= log.times[-1] + 1e-6 * step).all()


def test_a_pause_of_days_stands_for_so_many_empty_steps_that_nothing_is_carried_over_it():
    log = UnitLog("u", np.array([5.0, 1e7, 1e7 + 10]), np.ones((3, 4), np.float32), np.zeros((3, 1), np.float32))

    steps = log_in_steps(log, COLUMNS)

    assert len(steps.times) == MOST_EMPTY + 2
    assert steps.times[[0, 1, -1]].tolist() == [10.0, 1e7 - 10 * (MOST_EMPTY - 1), 1e7 + 10]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_in_service_steps_are_those_of_training_to_the_bit_however_the_rows_are_cut(tmp_path, data):
    """Mixed units, any cut, and a restart from the state's file between any two pieces."""
    logs = [an_irregular_log(name, data.draw(st.integers(0, 999)), data.draw(st.integers(1, 90))) for name in "ABC"]
    trained = [log_in_steps(log, COLUMNS) for log in logs]
    prepared = prepared_for(log_in_steps(an_irregular_log("D", 5, 300), COLUMNS))
    lives = np.concatenate([log.times for log in logs])
    arrived, memory = rows_of(logs, np.argsort(lives, kind="stable")), Memory.of(prepared)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lives)), max_size=6)) | {0, len(lives)})

    pieces = []
    for begin, end in pairwise(cuts):
        pieces.append(finish_steps(pick_rows(arrived, np.arange(begin, end)), memory, COLUMNS))
        if data.draw(st.booleans()):
            write_state(tmp_path / "state", prepared, memory)
            memory = read_state(tmp_path / "state", prepared)

    for log in trained:
        here = [np.flatnonzero(np.array(piece.rows.units) == log.unit) for piece in pieces]
        for part in ("times", "values", "conditions"):
            served = [getattr(piece.rows, part)[rows] for piece, rows in zip(pieces, here, strict=True)]
            assert np.concatenate(served).tobytes() == getattr(log, part).tobytes()


def prepared_for(log: UnitLog) -> Preparation:
    return Preparation(
        COLUMNS,
        fit_scaling([log]),
        smooth=3.0,
        window=5,
        cap=90.0,
        questions=Questions((30.0,)),
        carry=2,
        past_is_mean=True,
    )


def sum_and_last(X: np.ndarray) -> np.ndarray:
    return np.stack([X.sum(axis=(1, 2)), X[:, -1, 0]], axis=1)


def test_units_whose_first_step_is_not_over_fill_no_memory_either(monkeypatch):
    monkeypatch.setattr(forecasting, "MOST_UNITS", 4)
    forecaster = Forecaster(prepared_for(log_in_steps(an_irregular_log("A", 3, 200), COLUMNS)), sum_and_last)

    for number in range(20):
        told, _ = forecast_steps(forecaster, rows_of([an_irregular_log(f"unit {number}", number, 1)], np.arange(1)))
        assert told.times == []

    assert len(forecaster.memory.place) <= 4


def test_predict_answers_each_step_once_whatever_pieces_the_rows_come_in():
    log = an_irregular_log("A", 3, 200)
    prepared = prepared_for(log_in_steps(log, COLUMNS))
    arrived = rows_of([log], np.arange(200))

    def told(cuts: list[int]) -> list[str]:
        out = io.StringIO()
        pieces = [pick_rows(arrived, np.arange(a, b)) for a, b in pairwise(cuts)]
        assert serve(Forecaster(prepared, sum_and_last), pieces, out) == 200
        return out.getvalue().splitlines()

    whole = told([0, 200])
    assert whole == told(list(range(201))) == told([0, 7, 8, 90, 200])
    assert [line.split(",")[1] for line in whole[1:]] == [f"{t:.15g}" for t in log_in_steps(log, COLUMNS).times]


FLEET = """\
files = ["log.csv"]
unit = "unit"
time = "t"
time_unit = "seconds"
channels = ["heat", "noise"]
fails_at = "failed"
"""


def a_log_of_seconds(folder: Path, units: int = 4, rows: int = 200) -> None:
    random = np.random.RandomState(1)
    lines = ["unit,t,heat,noise,failed"]
    for unit in range(units):
        times = np.cumsum(random.choice([0.5, 1.0, 2.0, 40.0], rows, p=[0.4, 0.4, 0.15, 0.05]))
        lines += [f"U{unit},{t},{random.rand():.4f},{random.rand():.4f},{times[-1] if unit % 2 else ''}" for t in times]
    (folder / "log.csv").write_text("\n".join(lines) + "\n")


def described(folder: Path, *more: str) -> Path:
    (folder / "fleet.toml").write_text(FLEET + "\n".join(more) + "\n")
    return folder / "fleet.toml"


def test_packed_shards_hold_the_steps_that_reading_the_log_gives(tmp_path):
    a_log_of_seconds(tmp_path)
    table = described(tmp_path, 'step = "10 s"', 'aggregates = ["mean", "max"]')
    description = read_description(table)

    pack(description, tmp_path / "packed", table.read_text(), one_by_one, Console())

    log, packed = read_log(description), open_pack(tmp_path / "packed")
    assert packed.columns == log.columns
    assert packed.columns.features == ("heat mean", "heat max", "noise mean", "noise max")
    for one, other in zip(packed.whole().train, log.train, strict=True):
        assert (one.times.tobytes(), one.values.tobytes()) == (other.times.tobytes(), other.values.tobytes())
        assert (one.unit, str(one.fails_at)) == (other.unit, str(other.fails_at))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (['step = "2 days"'], "4 units have no whole step, and are left out; the longest record is "),
        (["step = 0.01"], "rows are 1 s apart: most steps would be empty"),
        (["step = 60", 'aggregates = ["maen"]'], "there is no 'maen'; did you mean mean?; there are mean, spread"),
        (['aggregates = ["mean"]'], "aggregates: are taken over a step, and there is no step"),
        (['step = "soon"'], "step: 'soon' is no length of time like \"30 s\", \"1 min\" or \"2 h\""),
        (["step = -1"], 'step: must be a length of time: a number above 0 in time_unit, or text like "1 min"'),
        (["step = true"], "step: must be a length of time"),
        (["step = nan"], "step: must be a length of time"),
        (["step = 1", "aggregates = [1, 2]"], "aggregates: there is no 1"),
        (["step = 1", 'aggregates = ["max", "max"]'], "aggregates: one is listed twice"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_is_refused_with_the_reason(tmp_path, more, why):
    a_log_of_seconds(tmp_path)

    with pytest.raises(BadData) as refused:
        read_log(read_description(described(tmp_path, *more)))

    assert why in refused.value.cause


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (FLEET.replace('time = "t"\n', ""), "time: is missing"),
        (
            FLEET.replace("seconds", "cycles"),
            "'1 min', and time_unit is 'cycles': say how many cycles, or one of seconds",
        ),
    ],
)
def test_a_length_of_time_needs_a_time_and_its_unit(tmp_path, text, why):
    (tmp_path / "log.csv").touch()
    (tmp_path / "fleet.toml").write_text(text + 'step = "1 min"\n')

    with pytest.raises(BadData) as refused:
        read_description(tmp_path / "fleet.toml")

    assert why in refused.value.cause


COUNTED = Columns(time="t", channels=(), time_unit="cycles")
HOURS = replace(COUNTED, time_unit="hours")


@pytest.mark.parametrize(
    ("columns", "like", "expected"),
    [
        (COUNTED, "17", "474000.5"),
        (HOURS, "2024-01-27T00:20:00", "2024-01-28T00:30:00"),
        (HOURS, "2024-01-27T00:20:00Z", "2024-01-28T00:30:00+00:00"),
        (replace(HOURS, zone="Europe/Berlin"), "27.01.2024 00:20", "2024-01-28T01:30:00+01:00"),
        (replace(HOURS, epoch=1000.0), "1706314800000", "1706401800000"),
        (replace(HOURS, dates="time of day"), "23:59:30", "00:30:00"),
    ],
)  # fmt: skip
def test_the_end_of_a_step_is_written_as_the_log_writes_its_times(columns, like, expected):
    assert moment_like(474000.5, columns, like) == expected
