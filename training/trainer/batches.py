"""From a split to the batches of an epoch, on the device where the loop keeps its data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.compat import NDArray, mx
from training.data.streams import Stream, Streamed
from training.data.windows import Windows
from training.trainer.group import Alone

Batches = Iterator[tuple[NDArray, NDArray]]

PIECE_BYTES: Final = 2 << 20
"""What is put in order together: it is still in a core's cache when the step reads it. The multilayer perceptron took
121,000 examples a second of it, 112,000 of pieces of 8 MB, and 114,000 to 115,000 of the whole set of 250 MB, whose
pages the system zeroes anew each time (M_MMAP_THRESHOLD in https://man7.org/linux/man-pages/man3/mallopt.3.html).
"""
ROW_NUMBER_BYTES: Final = 4


@dataclass(frozen=True)
class DeviceWindows:
    """Windows of which the device holds the rows, once; a slice is a batch (n, length, channels), gathered there."""

    rows: NDArray
    which: Windows

    def batches(self, order: np.ndarray[Any, Any], batch_size: int) -> Iterator[NDArray]:
        """The numbers of their rows go to the device for some batches at once."""
        ordered = self.which[order]
        together = batch_size * max(1, PIECE_BYTES // (ROW_NUMBER_BYTES * self.which.length * batch_size))
        for piece in _slices(len(order), together, batch_size):
            index = _index(ordered[piece].places(), self.rows.context)
            for batch in _slices(len(index), batch_size, batch_size):
                yield mx.nd.take(self.rows, index[batch])


def on_device(part: np.ndarray[Any, Any] | Windows | Streamed, context: Any) -> NDArray | DeviceWindows | Streamed:
    """*part* (n, ...) of a split where batches are cut from it. Windows on the CPU share NumPy's memory;
    what is streamed stays where it is."""
    if isinstance(part, Streamed):
        return part
    if not isinstance(part, Windows):
        return mx.nd.array(part, dtype=part.dtype, ctx=context)
    rows = mx.nd.from_numpy(part.rows) if context.device_type == "cpu" else mx.nd.array(part.rows, ctx=context)
    return DeviceWindows(rows, part)


def in_order(X: NDArray | DeviceWindows, y: NDArray, batch_size: int, order: np.ndarray[Any, Any]) -> Batches:
    """Batches (batch_size, ...) of X (n, ...) and y (n,) or (n, k); a rest comes in another epoch's order.

    Windows are put in order as pairs of row numbers, and each batch of them is gathered. The order goes to the device
    once: a copy from NumPy waits until all is done that was asked of the device before.
    """
    index = _index(order, y.context)
    labels = mx.nd.take(y, index)
    cut = X.batches(order, batch_size) if isinstance(X, DeviceWindows) else _cut(X, batch_size, index)
    for batch, places in zip(cut, _slices(len(order), batch_size, batch_size), strict=True):
        yield batch, labels[places]


def _cut(X: NDArray, batch_size: int, index: NDArray) -> Iterator[NDArray]:
    """Views of pieces of some batches each, one piece after the other put in order."""
    together = batch_size * max(1, PIECE_BYTES // (_bytes(X[:1]) * batch_size))
    for piece in _slices(len(index), together, batch_size):
        ordered = mx.nd.take(X, index[piece])
        for batch in _slices(len(ordered), batch_size, batch_size):
            yield ordered[batch]


def _slices(count: int, each: int, batch_size: int) -> Iterator[slice]:
    """Of *count* examples what makes whole batches, *each* at once."""
    whole = count // batch_size * batch_size
    for start in range(0, whole, each):
        yield slice(start, min(start + each, whole))


def _bytes(part: NDArray) -> int:
    return int(part.size * part.dtype().itemsize)


def _index(places: np.ndarray[Any, Any], context: Any) -> NDArray:
    return mx.nd.array(places, ctx=context, dtype="int32")


def from_stream(
    stream: Stream, group: Alone, context: Any, *, seed: int, epoch: int, batch: int, begin: int
) -> Batches:
    """Of each batch of *epoch* from *begin* on this worker's share: X (share, length, channels), y (share, k)."""
    mine = group.cut(np.arange(batch), batch)
    for X, y in stream.epoch(seed=seed, epoch=epoch, batch=batch, begin=begin):
        yield mx.nd.array(X[mine], ctx=context), mx.nd.array(y[mine], dtype=y.dtype, ctx=context)
