"""Which channels a net leans on: how much worse it forecasts when one of them is another unit's.

Permutation importance: Breiman, "Random forests", Machine Learning 45, 2001; of a fitted model of any kind: Fisher,
Rudin, Dominici, "All models are wrong, but many are useful", JMLR 20, 2019. Channels that say the same stand in for one
another, and then each looks less important than both are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data.splits import Split

Array = NDArray[np.floating]

MOST_WINDOWS: Final = 1000
MOST_S: Final = 20.0
ROUNDS: Final = 3


@dataclass(frozen=True)
class Importance:
    channel: str
    rise: float
    """Of the error, when the channel's windows are dealt out anew; near 0: the net does without it."""


def permutation_importance(
    net: Callable[[Array], Array],
    split: Split,
    channels: Sequence[str],
    error: Callable[[Array, Array], float],
    *,
    seed: int,
    most_s: float = MOST_S,
) -> list[Importance]:
    """The most important first. *error*: (outputs, y) to a number that rises as forecasts get worse. X (n, length,
    features) has one feature for each of *channels*, or several, all channels by the first, then by the second.

    A round deals out each channel once; after *most_s* seconds no round is begun, and those left undone are not listed.
    """
    random, begun = np.random.RandomState(seed), time.monotonic()
    rows = np.sort(random.permutation(len(split))[:MOST_WINDOWS])
    X, y = np.asarray(split.X[rows]), split.y[rows]
    whole, rises = error(net(X), y), np.zeros((ROUNDS, len(channels)))
    done = 0
    for number in range(ROUNDS):
        for place in range(len(channels)):
            dealt = X.copy()
            these = slice(place, None, len(channels))
            dealt[:, :, these] = X[random.permutation(len(X))][:, :, these]
            rises[number, place] = error(net(dealt), y) - whole
        done = number + 1
        if time.monotonic() - begun > most_s / 2:
            break
    means = rises[:done].mean(axis=0)
    return [Importance(channels[place], float(means[place])) for place in np.argsort(-means, kind="stable")]
