"""A restart of `predict --state` loses no unit's past, answers every row the same, and takes no foreign file."""

import io
import signal
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.serve.test_forecaster import PREPARED, a_net, mixed_rows, part, the_rows
from training.errors import BadInput
from training.serve import forecaster as forecasting
from training.serve.forecaster import Forecaster, Memory
from training.serve.predict import serve
from training.serve.rows import Arrived
from training.serve.state_file import StateFile, read_state, skip_answered, write_state

COUNT = len(mixed_rows().units)


def arriving(start: int, end: int) -> list[Arrived]:
    """Rows from *start* to *end* of the log, one at a time."""
    rows = mixed_rows()
    return [Arrived(part(rows, place, place + 1), [f"{rows.times[place]:g}"]) for place in range(start, end)]


def answers(forecaster: Forecaster, rows, **options) -> list[str]:
    out = io.StringIO()
    serve(forecaster, rows, out, **options)
    return out.getvalue().splitlines()[1:]


UNBROKEN = answers(Forecaster(PREPARED, a_net), arriving(0, COUNT))


@settings(deadline=None, max_examples=12)
@given(st.integers(0, COUNT), st.booleans())
def test_a_restart_in_the_middle_answers_every_row_as_if_there_had_been_none(tmp_path_factory, cut, from_the_start):
    """Also where the log is read again from its first line, as --follow does."""
    path, said = tmp_path_factory.mktemp("state") / "units.state", []
    for start, end in ((0, cut), (0 if from_the_start else cut, COUNT)):
        state = StateFile(path, Forecaster(PREPARED, a_net))
        state.restore(lambda line: None)
        with state.kept():
            last = state.forecaster.memory.last_times
            new = skip_answered([arriving(start, end)], last, say=lambda line: None, when="before")
            said += answers(state.forecaster, new, piece=state.piece)

    assert said == UNBROKEN


@settings(deadline=None, max_examples=12)
@given(st.integers(1, COUNT))
def test_state_survives_the_file_to_the_bit(tmp_path_factory, count):
    path, forecaster = tmp_path_factory.mktemp("state") / "units.state", Forecaster(PREPARED, a_net)
    forecaster.forecast(part(mixed_rows(), 0, count))

    write_state(path, PREPARED, forecaster.memory)

    again, kept = read_state(path, PREPARED), len(forecaster.memory.place)
    assert again.place == forecaster.memory.place
    assert again.last_times() == forecaster.memory.last_times()
    assert np.array_equal(again.windows, forecaster.memory.windows[:kept])
    for name in ("values", "since", "mean", "seen"):
        mine, theirs = (getattr(memory.past, name) for memory in (again, forecaster.memory))
        assert np.array_equal(mine, theirs[:kept], equal_nan=True)


def test_rows_whose_answer_got_lost_are_not_taken_for_answered(tmp_path):
    """Whoever read the answers has gone: the state stays as it was after the last row that was answered."""
    path = tmp_path / "units.state"
    state = StateFile(path, Forecaster(PREPARED, a_net))

    class Gone(io.StringIO):
        def flush(self) -> None:
            if self.getvalue().count("\n") > 5:
                raise BrokenPipeError

    with pytest.raises(BrokenPipeError), state.kept():
        serve(state.forecaster, arriving(0, COUNT), Gone(), piece=state.piece)

    assert read_state(path, PREPARED).past.seen.sum() <= 4
    assert state.forecaster.memory.past.seen.sum() == 5


def test_ctrl_c_between_a_forecast_and_its_answer_waits_for_the_answer(tmp_path):
    path = tmp_path / "units.state"

    def net(X):
        signal.raise_signal(signal.SIGINT)
        return a_net(X)

    state, out = StateFile(path, Forecaster(PREPARED, net)), io.StringIO()
    with pytest.raises(KeyboardInterrupt), state.kept():
        serve(state.forecaster, arriving(0, COUNT), out, piece=state.piece)

    assert out.getvalue().splitlines()[1:] == UNBROKEN[:1]
    assert read_state(path, PREPARED).past.seen.tolist() == [1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path, forecaster = tmp_path_factory.mktemp("whole") / "units.state", Forecaster(PREPARED, a_net)
    forecaster.forecast(mixed_rows())
    write_state(path, PREPARED, forecaster.memory)
    return path.read_bytes()


@settings(deadline=None)
@given(st.data())
def test_a_damaged_state_is_refused_or_as_it_was(tmp_path_factory, whole, data):
    path = tmp_path_factory.mktemp("damaged") / "units.state"
    if data.draw(st.booleans()):
        broken = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        place = data.draw(st.integers(0, len(whole) - 1))
        broken = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    path.write_bytes(broken)

    try:
        read = read_state(path, PREPARED)
    except BadInput:
        return
    path.write_bytes(whole)
    assert read.place == read_state(path, PREPARED).place


def test_the_state_of_another_run_is_refused(tmp_path):
    path = tmp_path / "units.state"
    write_state(path, PREPARED, Memory.of(PREPARED))

    with pytest.raises(BadInput, match="was kept for another run"):
        read_state(path, replace(PREPARED, smooth=2.0))


def test_no_state_is_kept_of_a_log_whose_times_name_no_day(tmp_path):
    """00:15 of the next day would be left out, as a row that was answered at 23:45."""
    clocks = replace(PREPARED, columns=replace(PREPARED.columns, dates="time of day"))

    with pytest.raises(BadInput, match="the log's times name no day"):
        StateFile(tmp_path / "units.state", Forecaster(clocks, a_net)).restore(print)


@pytest.mark.parametrize("content", ["", "unit,time\n", '{"a": 1}'])
def test_a_file_that_is_no_state_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_text(content)

    with pytest.raises(BadInput, match="is no state of predict"):
        StateFile(path, Forecaster(PREPARED, a_net)).restore(print)

    assert path.read_text() == content


def test_no_more_units_are_remembered_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(forecasting, "MOST_UNITS", 2)
    forecaster = Forecaster(PREPARED, a_net)

    for moment, unit in enumerate(("a", "b", "a", "c", "d")):
        forecaster.forecast(replace(the_rows([[0, 0, 0]], unit=unit), times=np.array([float(moment)])))

    assert list(forecaster.memory.place) == ["c", "d"]
    assert forecaster.forgotten == 2
    assert forecaster.forecast(the_rows([[0, 0, 0]], unit="c")).rows.tolist() == [2]
