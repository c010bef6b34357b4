"""Made-up data for linear regression: y = X w + b + noise, with w = (2, -3.4), b = 4.2 and noise of spread 0.01."""

from __future__ import annotations

import numpy as np

from training.data.splits import Data, Split

WEIGHT = np.array([2.0, -3.4], np.float32)
BIAS = 4.2
NOISE = 0.01


def load(seed: int, examples: int = 10_000) -> Data:
    """8,000 / 1,000 / 1,000 of (n, 2) and (n,), float32, at the default size."""
    random = np.random.RandomState(seed)
    X = random.normal(0, 1, (examples, len(WEIGHT))).astype(np.float32)
    y = (X @ WEIGHT + BIAS + random.normal(0, NOISE, examples)).astype(np.float32)
    tenth = examples // 10
    whole = Split(X, y)
    rest, valid, test = whole[2 * tenth :], whole[:tenth], whole[tenth : 2 * tenth]
    return Data(rest, valid, test, "made up: y = 2 a - 3.4 b + 4.2 + noise", f"seed {seed}")
