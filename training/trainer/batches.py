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


@dataclass(frozen=True)
class DeviceWindows:
    """Windows of which the device holds the rows, once; a slice is a batch (n, length, channels), gathered there."""

    rows: NDArray
    which: Windows

    def put_in(self, order: np.ndarray[Any, Any]) -> DeviceWindows:
        return DeviceWindows(self.rows, self.which[order])

    def __getitem__(self, places: slice) -> NDArray:
        return mx.nd.take(self.rows, _index(self.which[places].places(), self.rows.context))


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
    cut = _cut_windows(X, batch_size, order) if isinstance(X, DeviceWindows) else _cut(X, batch_size, index)
    for start, batch in zip(range(0, len(order) - batch_size + 1, batch_size), cut, strict=True):
        yield batch, labels[start : start + batch_size]


def _cut_windows(X: DeviceWindows, batch_size: int, order: np.ndarray[Any, Any]) -> Iterator[NDArray]:
    ordered = X.put_in(order)
    for start in range(0, len(order) - batch_size + 1, batch_size):
        yield ordered[start : start + batch_size]


def _cut(X: NDArray, batch_size: int, index: NDArray) -> Iterator[NDArray]:
    """Views of pieces of some batches each, one piece after the other put in order."""
    count = len(index) // batch_size * batch_size
    together = batch_size * max(1, PIECE_BYTES // (_bytes(X[:1]) * batch_size))
    for begin in range(0, count, together):
        piece = mx.nd.take(X, index[begin : min(begin + together, count)])
        for start in range(0, len(piece), batch_size):
            yield piece[start : start + batch_size]


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
