"""Losses stay on the device until somebody reads them; when they are read changes no row."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.compat import mx
from training.errors import NonFiniteLoss
from training.trainer.losses import InFlightWindow, Losses

Rows = list[tuple[int, list[float]]]


def rows(values: list[float], interval: int, read_at: set[int], begin: int = 0) -> tuple[Rows, list[float]]:
    losses, found = Losses(values[:begin]), []
    for step in range(begin + 1, len(values) + 1):
        losses.add(mx.nd.array([values[step - 1]]))
        if step in read_at:
            losses.settle(in_flight=step % 3)
            found += losses.take_due(step, interval)
    losses.settle()
    found += losses.take_due(len(values), interval)
    return found, losses.rest(len(values))


@given(st.integers(0, 40), st.integers(1, 12), st.sets(st.integers(1, 40)))
def test_rows_are_the_same_however_often_the_device_is_asked(steps: int, interval: int, read_at: set[int]) -> None:
    values = [float(step) for step in range(1, steps + 1)]
    whole = steps - steps % interval

    assert rows(values, interval, read_at) == (
        [(end, values[end - interval : end]) for end in range(interval, whole + 1, interval)],
        values[whole:],
    )


def test_a_resumed_run_begins_with_what_had_no_row_yet() -> None:
    assert rows([1.0, 2.0, 3.0, 4.0], 3, read_at=set(), begin=2) == ([(3, [1.0, 2.0, 3.0])], [4.0])


def test_a_loss_that_is_not_finite_is_named_after_the_good_rows_before_it_were_given() -> None:
    losses = Losses([])
    for value in (1.0, 2.0, 3.0, math.nan, 5.0):
        losses.add(mx.nd.array([value]))
    losses.settle()
    due = losses.take_due(5, 2)

    assert next(due) == (2, [1.0, 2.0])
    with pytest.raises(NonFiniteLoss, match=r"became nan at step 4 \(noticed at step 5\)"):
        next(due)
    with pytest.raises(NonFiniteLoss, match="at step 4"):
        losses.rest(5)


@pytest.mark.parametrize("step_s", [0.0001, 0.0016, 0.01, 0.3, 0.7, 5.0])
def test_python_is_never_long_ahead_of_the_device_nor_waits_more_often_than_it_must(step_s: float) -> None:
    clock, queued = [0.0], 0
    window = InFlightWindow(now=lambda: clock[0])
    ahead, waits = [], 0
    for _ in range(100_000):
        queued += 1
        ahead.append(queued * step_s)
        if window.is_due():
            done = max(0, queued - window.stride)
            clock[0] += done * step_s
            queued, waits = queued - done, waits + 1
            window.fit(done)

    assert max(ahead) <= max(2 * InFlightWindow.MOST_S, 2 * step_s)
    assert waits <= max(clock[0] / InFlightWindow.LEAST_S, 100_000 if step_s > InFlightWindow.LEAST_S else 0) + 20
