"""From a split to the batches of an epoch, on the device where the loop keeps its data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.compat import NDArray, mx
from training.data.streams import Stream, Streamed
from training.data.windows import Windows
from training.trainer.group import Alone

Batches = Iterator[tuple[NDArray, NDArray]]


@dataclass(frozen=True)
class DeviceWindows:
    """Windows of which the device holds the rows, once; a slice is a batch (n, length, channels), gathered there."""

    rows: NDArray
    which: Windows

    def put_in(self, order: np.ndarray[Any, Any]) -> DeviceWindows:
        return DeviceWindows(self.rows, self.which[order])

    def __getitem__(self, places: slice) -> NDArray:
        return mx.nd.take(self.rows, mx.nd.array(self.which[places].places(), ctx=self.rows.context, dtype="int32"))


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

    The set is put in *order* once and then cut into views: measured fastest of nine ways to feed a small net. Windows
    are put in order as pairs of row numbers, and each batch of them is gathered.
    """
    index = mx.nd.array(order, ctx=y.context, dtype="int32")
    X, y = X.put_in(order) if isinstance(X, DeviceWindows) else mx.nd.take(X, index), mx.nd.take(y, index)
    for start in range(0, len(order) - batch_size + 1, batch_size):
        yield X[start : start + batch_size], y[start : start + batch_size]


def from_stream(
    stream: Stream, group: Alone, context: Any, *, seed: int, epoch: int, batch: int, begin: int
) -> Batches:
    """Of each batch of *epoch* from *begin* on this worker's share: X (share, length, channels), y (share, k)."""
    mine = group.cut(np.arange(batch), batch)
    for X, y in stream.epoch(seed=seed, epoch=epoch, batch=batch, begin=begin):
        yield mx.nd.array(X[mine], ctx=context), mx.nd.array(y[mine], dtype=y.dtype, ctx=context)
