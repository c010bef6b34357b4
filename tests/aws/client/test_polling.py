from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("asked", "ticks"),
    [
        ({"for_s": 0.0, "every_s": 5.0}, [0.0]),
        ({"for_s": 10.0, "every_s": 5.0}, [0.0, 5.0, 10.0]),
        ({"for_s": 12.0, "every_s": 5.0}, [0.0, 5.0, 10.0, 12.0]),
        ({"for_s": 10.0, "every_s": 3.0, "first_s": 0.5}, [0.0, 0.5, 1.5, 3.5, 6.5, 9.5, 10.0]),
    ],
)
def test_the_last_tick_falls_on_the_deadline_and_there_is_always_one(clock, asked, ticks):
    assert list(clock.ticks(**asked)) == ticks


def test_the_time_between_the_ticks_counts(clock):
    """What is done at a tick takes its own time; the last tick still falls on the deadline."""
    gone = []
    for tick in clock.ticks(for_s=10.0, every_s=2.0):
        gone.append(tick)
        clock.sleep(4.0)

    assert gone == [0.0, 6.0, 10.0]
