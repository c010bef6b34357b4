"""A recurrent net over windows that share their rows: which segments these make, and which stands where.

A segment is what the recurrent layer takes at a step, a few rows that follow each other, or one. What is computed of a
segment alone is computed once for all windows (onnx_graph.py); the rest is done for a few hundred windows at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from training.data.windows import Windows

Array = NDArray[np.floating]
Net = Callable[[Array], Array]
"""Windows (n, length, channels) to (n, ...)."""
Places = NDArray[np.int64]

AT_ONCE: Final = 512
"""Windows: enough for the products of matrices, small enough for the caches."""

FEW: Final = 24
"""For so few windows the many small steps cost more than a layer over whole windows."""


@dataclass(frozen=True)
class RecurrentNet:
    """To who has windows as an array, a net like any other."""

    net_over: Callable[[Array, Places], Array]
    """From segments (segments, rows x channels), and which of them each window has at each step (steps, n), to
    (n, ...)."""
    whole: Net
    segment: int = 1
    """Rows."""

    def __call__(self, X: Array) -> Array:
        return self.whole(X)

    def over(self, seen: Windows) -> Array:
        """(n, ...) of windows that may share their rows."""
        pieces = (seen[start : start + AT_ONCE] for start in range(0, len(seen), AT_ONCE))
        return np.concatenate([self._over(piece) for piece in pieces])

    def _over(self, seen: Windows) -> Array:
        if len(seen) < FEW:
            return self.whole(np.asarray(seen))
        return self.net_over(*share_segments(*share_rows(seen), size=self.segment))


def share_rows(seen: Windows) -> tuple[Array, Places]:
    """The rows that windows are made of (rows, channels), and which of them each window has at each place (length, n).

    Some rows between them may be in no window.
    """
    places = seen.places()
    low, high = int(places.min()), int(places.max())
    if high - low < places.size:
        return seen.rows[low : high + 1], np.ascontiguousarray((places - low).T)
    used, where = np.unique(places, return_inverse=True)
    return seen.rows[used], np.ascontiguousarray(where.reshape(places.shape).T)


def share_segments(rows: Array, places: Places, *, size: int) -> tuple[Array, Places]:
    """The segments of *size* rows that windows are made of (segments, size x channels), and which of them each window
    has at each step (steps, n). Where the first one is not whole, the window's first row is repeated.

    Segments whose rows follow each other, as nearly all do, are shared: one begins at each row.
    """
    if size == 1:
        return rows, places
    lacking = -len(places) % size
    each = np.concatenate([np.repeat(places[:1], lacking, axis=0), places]).reshape(-1, size, places.shape[1])
    begins = each[:, 0]
    step, window = np.nonzero(np.any(each != begins[:, None] + np.arange(size)[:, None], axis=1))
    shared = sliding_window_view(rows, size, axis=0).swapaxes(1, 2) if len(rows) >= size else rows[:0, None]
    found = begins.copy()
    found[step, window] = len(shared) + np.arange(len(step))
    width = size * rows.shape[1]
    alone = rows[each[step, :, window]]
    return np.concatenate([shared.reshape(-1, width), alone.reshape(-1, width)]), found
