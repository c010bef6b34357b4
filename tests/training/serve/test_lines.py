"""What `predict` prints is the same in letters, whoever writes it."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.serve import lines
from training.serve.forecaster import Forecast
from training.serve.lines import write_lines


def a_forecast(count: int, seed: int, *, promised: bool) -> Forecast:
    random = np.random.RandomState(seed)
    life = (random.rand(count) * 125).astype(np.float32)
    life[random.rand(count) < 0.1] = random.choice([0.0, 0.25, 0.75, 125.0])
    counts = random.randint(0, 51, (3, count))
    low, high = (np.maximum(life + width, 0.0) if promised else np.full(count, np.nan) for width in (-9.3, 11.7))
    return Forecast(
        probability=1 / (1 + np.exp(-5.0 * random.standard_normal(count))),
        others=random.rand(count, seed % 3),
        life=life,
        rows=counts[0],
        missing=counts[1],
        outside=counts[2],
        known=random.rand(count) < 0.9,
        low=low,
        high=high,
    )


def printed(many: int, units: list[str], times: list[str], said: Forecast) -> str:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "MANY", many)
        write_lines(out, units, times, said)
    return out.getvalue()


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 999), st.booleans(), st.sampled_from(["M7", 'a "b", c', "ü x", "", "a\nb"]))
def test_many_rows_at_once_are_printed_as_few_are(count, seed, promised, unit):
    pytest.importorskip("pyarrow")
    about = [unit] * count, [f"{n}.50" for n in range(count)], a_forecast(count, seed, promised=promised)

    assert printed(1, *about) == printed(count + 1, *about)
