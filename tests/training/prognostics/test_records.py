"""Records share their rows, and each is what it would be as a log of its own."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.windows import Windows
from training.prognostics.answers import LAST, UNIT
from training.prognostics.history import prepare
from training.prognostics.late_starts import UNKNOWN_PAST
from training.prognostics.records import cut_windows, training_records
from training.prognostics.scaling import fit_scaling
from training.prognostics.windows import UnitLog


@dataclass(frozen=True)
class Keys:
    window: int = 5
    smooth: float = 1.0
    carry: int = 2
    horizons: tuple[float, ...] = (4.0,)
    stride: int = 1
    thin: int = 1
    cap: float = 9.0
    stretch: float = 1.25
    late_starts: int = 2
    seed: int = 3


def some_logs(counts: list[int], gaps: float) -> list[UnitLog]:
    """The second channel is the time."""
    random, logs = np.random.RandomState(len(counts)), []
    for number, count in enumerate(counts):
        values = random.standard_normal((count, 3)).astype(np.float32)
        values[random.rand(count, 3) < gaps] = np.nan
        values[:, 1] = np.arange(count)
        gears = random.randint(0, 2, (count, 1)).astype(np.float32)
        logs.append(UnitLog(str(number), np.arange(float(count)), values, gears, float(count)))
    return logs


SCALING = fit_scaling(some_logs([60], gaps=0.1))


def each_alone(logs: list[UnitLog], keys: Keys) -> np.ndarray:
    """The windows of all rows, every record cut out and prepared as a log of its own."""
    found = []
    for record in training_records(logs, keys):
        source, ends = logs[record.unit], np.cumsum(record.counts)
        for end, count in zip(ends, record.counts, strict=True):
            rows = record.rows[end - count : end]
            values = source.values[rows]
            values[:, 1] = record.times[end - count : end]
            alone = UnitLog("", record.times[end - count : end], values, source.conditions[rows])
            prepared, _ = prepare([alone], SCALING, carry=keys.carry, over=keys.smooth, before=UNKNOWN_PAST)
            begins = np.zeros(count, dtype=np.int64)
            found.append(np.asarray(Windows(prepared, begins, UNKNOWN_PAST + np.arange(count), keys.window)))
    return np.concatenate(found)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 25), min_size=1, max_size=5),
    st.sampled_from([1.0, 4.0]),
    # A stretched unit with gaps keeps what was measured in a row that it leaves out: it is no log of its own then.
    st.sampled_from([(0.0, 1.25), (0.3, 1.0)]),
    st.booleans(),
)
def test_every_window_is_that_of_its_record_alone(counts, smooth, gaps_and_stretch, is_timed):
    gaps, stretch = gaps_and_stretch
    keys, logs = Keys(smooth=smooth, stretch=stretch), some_logs(counts, gaps)
    if not is_timed:
        keys = replace(keys, stretch=1.0)

    X, y = cut_windows(logs, training_records(logs, keys), SCALING, keys, clock=1 if is_timed else None)

    assert np.asarray(X).tobytes() == each_alone(logs, keys).tobytes()
    assert X.earlier(1).tobytes() == np.asarray(X)[:, -2].tobytes()
    assert len(X) == len(y)


def test_rows_that_are_the_same_in_all_records_are_kept_once():
    logs, keys = some_logs([40, 50], gaps=0.0), Keys()

    X, y = cut_windows(logs, training_records(logs, keys), SCALING, keys, clock=None)

    assert len(X.rows) == 40 + 50 + UNKNOWN_PAST
    assert len(X) > 4 * len(X.rows)
    assert np.sum(y[:, LAST]) == len(set(y[:, UNIT])) + 2 * keys.late_starts
