"""Outputs of a net for a whole split, read from the device once."""

from __future__ import annotations

import numpy as np

from training.compat import mx
from training.data.splits import Split
from training.trainer.learner import Learner
from training.trainer.recipe import Array, Predictions

LEAST_BATCH = 256


def predict(learner: Learner, split: Split, batch_size: int) -> Predictions:
    """Outputs (n, ...) float32 for the n examples of *split*, with its y.

    Every batch has the same size (a compiled net would be compiled again for another); the last is filled up.
    """
    size = min(max(batch_size, LEAST_BATCH), len(split))
    starts = range(0, len(split), size)
    outputs = [learner.predict(mx.nd.array(_fill_up(split.X[i : i + size], size), dtype=split.X.dtype)) for i in starts]
    together = mx.nd.concat(*outputs, dim=0).asnumpy()[: len(split)]
    return Predictions(together.astype(np.float32, copy=False), split.y)


def _fill_up(X: Array, size: int) -> Array:
    return X if len(X) == size else np.concatenate([X, np.repeat(X[-1:], size - len(X), axis=0)])
