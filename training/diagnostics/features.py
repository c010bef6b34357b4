"""What a net sees of a cycle: each channel in equal bins of time, whatever its rate, as mean, spread and range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.diagnostics.cycles import Cycles

Array = NDArray[np.floating]

KINDS: Final = 3
"""Mean, spread and range of a bin, in this order: the features of all channels by mean, then by spread, then by
range.
"""


def binned(cycles: Cycles, *, bins: int) -> Array:
    """(cycles, bins, KINDS x channels) float32. A bin without a measurement is NaN."""
    channels = [np.stack([_bins(signal, bins) for signal in channel]) for channel in cycles.signals]
    together = np.stack(channels, axis=-1)  # (cycles, bins, kinds, channels)
    return together.reshape(*together.shape[:2], -1).astype(np.float32)


def _bins(signal: Array, bins: int) -> Array:
    """(bins, KINDS). A channel with fewer samples than bins fills the bins between by the sample before."""
    edges = np.linspace(0, len(signal), bins + 1)
    begins = np.minimum(np.floor(edges[:-1] + 1e-9).astype(int), len(signal) - 1)
    ends = np.maximum(np.ceil(edges[1:] - 1e-9).astype(int), begins + 1)
    known = ~np.isnan(signal)
    values = np.where(known, signal, 0.0).astype(np.float64)
    count, total, square = (np.concatenate([[0.0], np.cumsum(part)]) for part in (known, values, values**2))
    each = count[ends] - count[begins]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total[ends] - total[begins]) / each
        spread = np.sqrt(np.maximum((square[ends] - square[begins]) / each - mean**2, 0.0))
    extent = np.array([_extent(signal[begin:end]) for begin, end in zip(begins, ends, strict=True)])
    return np.stack([mean, spread, extent], axis=1)


def _extent(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.max() - known.min()) if len(known) else np.nan


@dataclass(frozen=True)
class Scale:
    """Brings each feature of each bin to mean 0 and spread 1, as training cycles showed it there: where all cycles
    do the same, what is left is how one differs from the others. What is missing becomes 0.
    """

    mean: Array
    """(bins, features)"""
    spread: Array
    low: Array
    high: Array
    """(features,) the least and the greatest that training cycles showed, as scaled."""

    def apply(self, X: Array) -> Array:
        return np.nan_to_num((X - self.mean) / self.spread, nan=0.0).astype(np.float32)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name).tolist() for name in ("mean", "spread", "low", "high")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scale:
        return cls(**{name: np.asarray(data[name], dtype=np.float64) for name in ("mean", "spread", "low", "high")})


def fit_scale(X: Array) -> Scale:
    """*X* (cycles, bins, features) of training cycles alone."""
    known, X = ~np.isnan(X), X.astype(np.float64)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, X, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (X - mean) ** 2, 0.0).sum(axis=0) / count)
    spread = np.where(spread > 1e-6 * np.maximum(np.abs(mean), 1e-9), spread, 1.0)
    scaled = np.where(known, (X - mean) / spread, 0.0)
    return Scale(mean, spread, scaled.min(axis=(0, 1)), scaled.max(axis=(0, 1)))


def statistics(X: Array) -> Array:
    """(cycles, statistics) of scaled X (cycles, bins, features): what a simple classifier is given of a whole cycle."""
    slope = np.tensordot(slope_weights(X.shape[1]), X, axes=(0, 1))
    return np.concatenate([X.mean(axis=1), X.std(axis=1), X.min(axis=1), X.max(axis=1), slope], axis=1)


def slope_weights(bins: int) -> Array:
    """Weights (bins,) that give the slope of a straight line through the bins."""
    steps = np.arange(bins) - (bins - 1) / 2
    return steps / max(float(np.sum(steps**2)), 1.0)
