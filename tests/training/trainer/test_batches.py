"""Batches come in the order that is asked for, however many of them are put in order together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.compat import mx
from training.data.windows import windows
from training.trainer import batches
from training.trainer.batches import in_order, on_device

SHOWN = {
    "arrays": lambda rows: np.arange(rows * 6, dtype=np.float32).reshape(rows, 2, 3),
    "windows": lambda rows: windows(np.arange(rows * 3, dtype=np.float32).reshape(rows, 3), length=2),
}


@pytest.mark.parametrize("what", SHOWN)
@settings(deadline=None)
@given(
    rows=st.integers(1, 60),
    batch_size=st.integers(1, 61),
    piece=st.sampled_from([1, 100, 250, 1 << 20]),
    seed=st.integers(0, 9),
)
def test_each_example_comes_once_with_its_label_in_order_and_a_rest_is_left_out(what, rows, batch_size, piece, seed):
    X = SHOWN[what](rows)
    there = on_device(X, mx.cpu())
    y = mx.nd.arange(rows, dtype="int32")
    order = np.random.RandomState(seed).permutation(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "PIECE_BYTES", piece)
        found = [(one.asnumpy(), labels.asnumpy()) for one, labels in in_order(there, y, batch_size, order)]

    whole = order[: rows // batch_size * batch_size]
    assert [len(labels) for _, labels in found] == [batch_size] * (rows // batch_size)
    assert [label for _, labels in found for label in labels] == list(whole)
    assert all(np.array_equal(one, np.asarray(X)[labels]) for one, labels in found)
