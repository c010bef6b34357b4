"""What is done to a batch of byte images before the net sees it. Runs on the batch's own device."""

from __future__ import annotations

from training.compat import NDArray


def scaled(X: NDArray) -> NDArray:
    """Bytes 0..255 to floats 0..1."""
    return X.astype("float32") / 255


def flat_scaled(X: NDArray) -> NDArray:
    """The same, one row per image."""
    return scaled(X).reshape((X.shape[0], -1))
