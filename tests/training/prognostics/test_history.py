"""What a row owes to its past: nothing of the future, nothing of another unit, and the same however a record is cut."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.windows import Windows, windows
from training.prognostics import history
from training.prognostics.history import Past, after, carry_forward, forget_old, prepare, smooth
from training.prognostics.scaling import fit_scaling
from training.prognostics.windows import UnitLog

CARRY, OVER = 3, 4.0


def filled_alone(values: np.ndarray) -> np.ndarray:
    values = np.float32(values)
    return carry_forward(values, np.array([len(values)]), Past.none(1, values.shape[1], 0)).values


def smoothed_alone(rows: np.ndarray, over: float) -> list[float]:
    rows = np.float32(rows)[:, None]
    smooth(rows, np.array([len(rows)]), Past.none(1, 1, 1), over=over)
    return rows.ravel().tolist()


def test_a_missing_value_is_the_last_known_one_and_never_a_later_one():
    nan = np.nan

    filled = filled_alone([[nan, 1.0], [2.0, nan], [nan, nan], [5.0, 4.0]])

    assert np.array_equal(filled, np.float32([[nan, 1], [2, 1], [2, 1], [5, 4]]), equal_nan=True)


def test_a_smoothed_row_is_the_mean_so_far_and_later_rows_count_most():
    assert smoothed_alone([6.0, 0.0, 3.0, 12.0], over=3.0) == [6.0, 3.0, 3.0, 6.0]
    assert smoothed_alone([6.0, 0.0, 3.0, 12.0], over=2.0) == [6.0, 3.0, 3.0, 7.5]
    assert smoothed_alone([6.0, 0.0, 3.0, 12.0], over=1.0) == [6.0, 0.0, 3.0, 12.0]


def test_a_window_ends_with_its_row_and_before_the_first_row_repeats_it():
    rows = np.arange(8.0, dtype=np.float32).reshape(4, 2)

    seen = windows(rows, length=3)

    assert seen.shape == np.asarray(seen).shape == (4, 3, 2)
    assert np.asarray(seen)[3].tolist() == rows[1:4].tolist()
    assert np.asarray(seen)[0].tolist() == [rows[0].tolist()] * 3


@given(st.data())
def test_windows_are_cut_when_they_are_asked_for_as_if_they_had_been_before(data):
    rows = np.random.RandomState(0).standard_normal((30, 2)).astype(np.float32)
    begins = np.repeat([0, 12], [12, 18])
    all_of_them = Windows(rows, begins, np.arange(30), 5)
    places = np.array(data.draw(st.lists(st.integers(0, 29), min_size=1, max_size=40)))

    assert np.array_equal(np.asarray(all_of_them[places]), np.asarray(all_of_them)[places])


def some_logs(counts: list[int], seed: int, gaps: float) -> list[UnitLog]:
    random = np.random.RandomState(seed)
    logs = []
    for number, count in enumerate(counts):
        values = random.standard_normal((count, 3)).astype(np.float32)
        values[random.rand(count, 3) < gaps] = np.nan
        gears = random.randint(0, 2, (count, 1)).astype(np.float32)
        logs.append(UnitLog(str(number), np.arange(float(count)), values, gears))
    return logs


SCALING = fit_scaling(some_logs([60], seed=9, gaps=0.1))


def row_by_row(logs: list[UnitLog]) -> np.ndarray:
    """As `predict` does it: one row at a time, and nothing but `Past` in between."""
    rows = []
    for log in logs:
        past, one = Past.none(1, 3, len(SCALING.kept)), np.array([1])
        for place in range(len(log.times)):
            here = slice(place, place + 1)
            filled = carry_forward(log.values[here], one, past)
            row = SCALING.apply(forget_old(filled, CARRY), log.conditions[here])
            past = after(filled, one, past, smooth(row, one, past, over=OVER))
            rows.append(row)
    return np.concatenate(rows)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 25), min_size=1, max_size=6),
    st.integers(0, 99),
    st.sampled_from([0.0, 0.3, 0.9]),
    st.integers(1, 30),
)
def test_many_units_at_once_are_prepared_to_the_bit_as_each_row_by_itself(counts, seed, gaps, rows_at_once):
    logs = some_logs(counts, seed, gaps)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "ROWS_AT_ONCE", rows_at_once)
        rows, begins = prepare(logs, SCALING, carry=CARRY, over=OVER)

    spaced, places = prepare(logs, SCALING, carry=CARRY, over=OVER, before=2)
    whole = np.concatenate(
        [np.arange(place + 2, place + 2 + count) for place, count in zip(places, counts, strict=True)]
    )
    assert rows.tobytes() == spaced[whole].tobytes() == row_by_row(logs).tobytes()
    assert not np.delete(spaced, whole, axis=0).any()
    assert begins.tolist() == [sum(counts[:number]) for number in range(len(counts))]


@settings(deadline=None)
@given(st.integers(1, 19), st.integers(0, 99))
def test_the_future_of_a_unit_changes_none_of_its_rows(cut, seed):
    (log,) = some_logs([20], seed, gaps=0.3)
    short = replace(log, times=log.times[:cut], values=log.values[:cut], conditions=log.conditions[:cut])

    whole, known = (prepare([one], SCALING, carry=CARRY, over=OVER)[0] for one in (log, short))

    assert whole[:cut].tobytes() == known.tobytes()
