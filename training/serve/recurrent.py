"""A recurrent net over windows that share their rows: which rows these are, and which stands where.

What is computed of a row alone is computed once for all windows (onnx_graph.py); the rest is done for a few hundred
windows at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data.windows import Windows

Array = NDArray[np.floating]
Net = Callable[[Array], Array]
"""Windows (n, length, channels) to (n, ...)."""
Places = NDArray[np.int64]

AT_ONCE: Final = 256
"""Windows: enough for the products of matrices, small enough for the caches."""

FEW: Final = 24
"""For so few windows the many small steps cost more than a layer over whole windows."""


@dataclass(frozen=True)
class RecurrentNet:
    """To who has windows as an array, a net like any other."""

    net_over: Callable[[Array, Places], Array]
    """From rows (rows, channels), and which of them each window has at each step (length, n), to (n, ...)."""
    whole: Net

    def __call__(self, X: Array) -> Array:
        return self.whole(X)

    def over(self, seen: Windows) -> Array:
        """(n, ...) of windows that may share their rows."""
        pieces = (seen[start : start + AT_ONCE] for start in range(0, len(seen), AT_ONCE))
        return np.concatenate([self._over(piece) for piece in pieces])

    def _over(self, seen: Windows) -> Array:
        return self.whole(np.asarray(seen)) if len(seen) < FEW else self.net_over(*share_rows(seen))


def share_rows(seen: Windows) -> tuple[Array, Places]:
    """The rows that windows are made of (rows, channels), and which of them each window has at each step (length, n).

    Some rows between them may be in no window.
    """
    places = seen.places()
    low, high = int(places.min()), int(places.max())
    if high - low < places.size:
        return seen.rows[low : high + 1], np.ascontiguousarray((places - low).T)
    used, where = np.unique(places, return_inverse=True)
    return seen.rows[used], np.ascontiguousarray(where.reshape(places.shape).T)
