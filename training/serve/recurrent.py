"""A recurrent layer over windows that share their rows, in NumPy: twice as fast as onnxruntime's, which takes windows.

A row stands in as many windows as these are long, and what the layer makes of it before any state comes in is the same
in all of them: it is computed once. The rest is one product of matrices a step, for a few hundred windows at once, and
operations on whole blocks that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data.windows import Windows

Array = NDArray[np.floating]
Net = Callable[[Array], Array]
Places = slice | NDArray[np.int64]

AT_ONCE: Final = 192
"""Windows: enough for the products of matrices, small enough for the caches; 64 and 512 were slower."""

FEW: Final = 24
"""For so few windows the steps of the loop cost more than onnxruntime's."""

SHARED: Final = 3
"""In fewer windows a row must not stand, on the average, for its share to be worth keeping."""


@dataclass(frozen=True)
class Gru:
    """A layer of gated recurrent units that reads forward, in the form in which the reset comes after the product
    (`linear_before_reset` of https://onnx.ai/onnx/operators/onnx__GRU.html; Cho and others, EMNLP 2014).

    A gate is 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2. All halves but the last are in the weights, exactly.
    """

    row_gates: Array
    """(channels, 2 hidden): from a row to the update and reset gates; halved."""
    row_new: Array
    """(channels, hidden): to the new state."""
    gates: Array
    """(hidden, 2 hidden): from the state; halved, as are the next ones."""
    new: Array
    """(hidden, hidden)"""
    gates_bias: Array
    row_bias: Array
    new_bias: Array

    @classmethod
    def of_onnx(cls, W: Array, R: Array, B: Array) -> Gru:
        """Of the operator's W (1, 3 hidden, channels), R (1, 3 hidden, hidden) and B (1, 6 hidden)."""
        hidden, half = R.shape[-1], np.float32(0.5)
        gates, new = slice(2 * hidden), slice(2 * hidden, None)
        of_row, of_state = B[0, : 3 * hidden], B[0, 3 * hidden :]
        return cls(
            row_gates=np.ascontiguousarray(W[0, gates].T) * half,
            row_new=np.ascontiguousarray(W[0, new].T),
            gates=np.ascontiguousarray(R[0, gates].T) * half,
            new=np.ascontiguousarray(R[0, new].T) * half,
            gates_bias=(of_row[gates] + of_state[gates]) * half,
            row_bias=of_row[new].copy(),
            new_bias=of_state[new] * half,
        )

    def last_states(self, rows: Array, steps: Sequence[Places], count: int) -> Array:
        """(count, hidden) after the last step of so many windows; *steps* say which of *rows* (rows, channels) stand
        there in each.
        """
        gates, new = rows @ self.row_gates + self.gates_bias, rows @ self.row_new + self.row_bias
        hidden = len(self.new)
        state = np.zeros((count, hidden), dtype=np.float32)
        both, fresh = np.empty((count, 2 * hidden), dtype=np.float32), np.empty_like(state)
        update, reset = both[:, :hidden], both[:, hidden:]
        for step in steps:
            np.matmul(state, self.gates, out=both)
            both += gates[step]
            np.tanh(both, out=both)
            both += 1  # twice the gates
            np.matmul(state, self.new, out=fresh)
            fresh += self.new_bias
            fresh *= reset
            fresh += new[step]
            np.tanh(fresh, out=fresh)
            state -= fresh
            state *= update
            state *= np.float32(0.5)
            state += fresh
        return state


@dataclass(frozen=True)
class RecurrentNet:
    """A net of a recurrent layer and what follows it; to who has windows as an array, a net like any other."""

    layer: Gru
    rest: Net
    """From the last states (n, hidden) to the net's output (n, ...)."""
    whole: Net
    """The same net, for windows (n, length, channels)."""

    def __call__(self, X: Array) -> Array:
        return self.whole(X)

    def over(self, seen: Windows) -> Array:
        """(n, ...) of windows that may share their rows."""
        pieces = (seen[start : start + AT_ONCE] for start in range(0, len(seen), AT_ONCE))
        return np.concatenate([self._over(piece) for piece in pieces])

    def _over(self, seen: Windows) -> Array:
        if len(seen) >= FEW:
            rows, steps = share_rows(seen)
            if len(rows) * SHARED <= len(seen) * seen.length:
                return self.rest(self.layer.last_states(rows, steps, len(seen)))
        return self.whole(np.asarray(seen))


def share_rows(seen: Windows) -> tuple[Array, list[Places]]:
    """The rows that windows are made of (rows, channels), and for each step which of them stand there (n,)."""
    places, length = seen.places(), seen.length
    first, count = int(places[0, 0]), len(places)
    if np.array_equal(places, first + np.arange(count)[:, None] + np.arange(length)):
        return seen.rows[first : first + count + length - 1], [slice(k, k + count) for k in range(length)]
    low, high = int(places.min()), int(places.max())
    if high - low < places.size:
        return seen.rows[low : high + 1], list((places - low).T)
    used, where = np.unique(places, return_inverse=True)
    return seen.rows[used], list(where.reshape(places.shape).T)
