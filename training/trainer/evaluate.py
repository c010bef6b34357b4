"""Outputs of a net for a whole split, read from the device once."""

from __future__ import annotations

import numpy as np

from training.compat import mx
from training.data.splits import Split
from training.trainer.group import Alone
from training.trainer.learner import Learner
from training.trainer.recipe import Array, Predictions

LEAST_BATCH = 256
IN_FLIGHT = 8
"""Batches that wait for the device: enough to keep it busy, and not a whole split of windows in memory."""


def predict(learner: Learner, split: Split, batch_size: int) -> Predictions:
    """Outputs (n, ...) float32 for the n examples of *split*, with its y.

    Every batch has the same size (a compiled net would be compiled again for another); the last is filled up.
    """
    size = min(max(batch_size, LEAST_BATCH), len(split))
    outputs = []
    for start in range(0, len(split), size):
        X = _fill_up(np.asarray(split.X[start : start + size]), size)
        outputs.append(learner.predict(mx.nd.array(X, dtype=X.dtype)))
        if len(outputs) > IN_FLIGHT:
            outputs[-IN_FLIGHT].wait_to_read()
    together = mx.nd.concat(*outputs, dim=0).asnumpy()[: len(split)]
    return Predictions(together.astype(np.float32, copy=False), split.y)


def predict_together(learner: Learner, split: Split, batch_size: int, group: Alone) -> Predictions:
    """The same, (n, ...) and y, each worker of *group* doing its part of *split*."""
    if len(split) < group.size * LEAST_BATCH or group.size == 1:
        return predict(learner, split, batch_size)
    bounds = [len(split) * rank // group.size for rank in (group.rank, group.rank + 1)]
    part = predict(learner, split[slice(*bounds)], batch_size).outputs
    return Predictions(group.concatenate(mx.nd.array(part, dtype=part.dtype)).asnumpy(), split.y)


def _fill_up(X: Array, size: int) -> Array:
    return X if len(X) == size else np.concatenate([X, np.repeat(X[-1:], size - len(X), axis=0)])
