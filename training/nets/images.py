"""What is done to a batch of byte images before the net sees it. Runs on the batch's own device."""

from __future__ import annotations

from training.compat import NDArray


def scale_pixels(X: NDArray) -> NDArray:
    """(n, channels, height, width) bytes 0..255 to float32 0..1, of the same shape."""
    return X.astype("float32") / 255


def scale_and_flatten(X: NDArray) -> NDArray:
    """(n, channels, height, width) bytes 0..255 to float32 0..1, one row per image: (n, channels * height * width)."""
    return scale_pixels(X).reshape((X.shape[0], -1))
