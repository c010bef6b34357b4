"""What a job's `prepare` does to the bytes of a picture, found out by asking it: so that a server needs no MXNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from training.compat import NDArray, mx

Array = np.ndarray[Any, Any]
BYTE = 255
TOLERANCE = 1e-5


def scaling_of(prepare: Callable[[NDArray], NDArray], shape: tuple[int, ...]) -> tuple[Array, Array] | None:
    """(mean, spread), each (channels,), where *prepare* makes (byte - mean) / spread of bytes (n, *shape*), in their
    order; None where it does something else, such as crop, blur or resize.

    *shape*: (channels, height, width).
    """
    black, white, any_ = (_answer(prepare, bytes_) for bytes_ in _trials(shape))
    size = int(np.prod(shape))
    if not black.size == white.size == any_.size == size:
        return None
    low, high = (answer.reshape(shape[0], -1).astype(np.float64) for answer in (black, white))
    slope = (high - low) / BYTE
    if not slope.all():
        return None
    spread = 1 / slope[:, 0]
    mean = 0.0 - low[:, 0] * spread
    expected = (_trials(shape)[2].reshape(shape[0], -1) - mean[:, None]) / spread[:, None]
    apart = np.abs(expected - any_.reshape(shape[0], -1)).max()
    return (mean, spread) if apart <= TOLERANCE * max(1.0, float(np.abs(expected).max())) else None


def _trials(shape: tuple[int, ...]) -> list[Array]:
    """A black picture, a white one, and one of bytes of every kind."""
    noise = np.random.RandomState(0).randint(0, BYTE + 1, shape)
    return [np.full(shape, byte, dtype=np.uint8) for byte in (0, BYTE)] + [noise.astype(np.uint8)]


def _answer(prepare: Callable[[NDArray], NDArray], picture: Array) -> Array:
    return np.asarray(prepare(mx.nd.array(picture[None], dtype="uint8")).asnumpy())
