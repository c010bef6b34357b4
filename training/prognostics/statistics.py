"""Mean and spread of channels, unit by unit: what is known of each unit can be put together for any choice of units.

So a packed log keeps one row per unit and condition, and the scaling of the training units needs none of their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.prognostics.windows import UnitLog

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """For each unit and each condition it was run in: what its rows of each channel show."""

    units: NDArray[np.int64]
    """(groups,) which unit, counted as they were given."""
    conditions: Array
    """(groups, condition columns) rounded to whole numbers."""
    rows: NDArray[np.int64]
    """(groups,)"""
    known: NDArray[np.int64]
    """(groups, channels) rows with a value."""
    mean: Array
    squares: Array
    """(groups, channels) sum of the squared distances from the mean."""
    low: Array
    high: Array
    """(groups, channels) the least and greatest; inf and -inf where no value is known."""

    def of(self, units: Sequence[int]) -> Statistics:
        """Those of some units, in their order."""
        wanted = np.isin(self.units, np.asarray(units, dtype=np.int64))
        return Statistics(**{name: part[wanted] for name, part in vars(self).items()})


def statistics_of(logs: Sequence[UnitLog]) -> Statistics:
    groups = [group for number, log in enumerate(logs) for group in _groups(number, log)]
    units, conditions, rows, known, mean, squares, low, high = zip(*groups, strict=True)
    return Statistics(
        np.array(units, dtype=np.int64),
        np.stack(conditions),
        np.array(rows, dtype=np.int64),
        np.stack(known),
        *(np.stack(part) for part in (mean, squares, low, high)),
    )


def _groups(number: int, log: UnitLog) -> list[tuple[int, Array, int, NDArray[np.int64], Array, Array, Array, Array]]:
    if not log.conditions.shape[1]:
        return [(number, np.zeros(0), len(log.times), *_over_rows(log.values))]
    rounded = np.round(np.nan_to_num(log.conditions).astype(np.float64))
    centres, place = np.unique(rounded, axis=0, return_inverse=True)
    parts = [log.values[place.ravel() == group] for group in range(len(centres))]
    return [(number, centre, len(part), *_over_rows(part)) for centre, part in zip(centres, parts, strict=True)]


def _over_rows(values: NDArray[np.floating]) -> tuple[NDArray[np.int64], Array, Array, Array, Array]:
    """Channel by channel: how many are known, their mean, the sum of squares about it, the least and the greatest."""
    # In one layout, each channel in one piece: NumPy sums in another order where it does not lie so, and the last bit
    # differs. So it lies in a log as it was read, and there NumPy is five times as fast.
    columns = np.ascontiguousarray(values.T)
    if len(values) and not np.isnan(lowest := columns.min(axis=1)).any():
        mean, count = columns.mean(axis=1, dtype=np.float64), np.full(len(columns), len(values))
        return count, mean, _squares(columns, mean), _wide(lowest), _wide(columns.max(axis=1))
    known = ~np.isnan(columns)
    count = known.sum(axis=1)
    mean = np.where(known, columns, 0).sum(axis=1, dtype=np.float64) / np.maximum(count, 1)
    filled = np.where(known, columns, mean[:, None])
    low, high = np.where(known, columns, np.inf).min(axis=1), np.where(known, columns, -np.inf).max(axis=1)
    return count, mean, _squares(filled, mean), _wide(low), _wide(high)


def _wide(part: NDArray[np.floating]) -> Array:
    return part.astype(np.float64)


def _squares(columns: NDArray[np.floating], mean: Array) -> Array:
    distance = columns - mean[:, None]
    squares: Array = np.einsum("ij,ij->i", distance, distance)
    return squares


def together(found: Statistics, place: NDArray[np.intp], count: int) -> tuple[NDArray[np.int64], Array, Array]:
    """(known, mean, spread), each (count, channels), of the groups put together that have one *place*.

    Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    """
    shape = count, found.mean.shape[1]
    known, sums, squares = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape)
    np.add.at(known, place, found.known)
    np.add.at(sums, place, found.known * found.mean)
    mean = sums / np.maximum(known, 1)
    np.add.at(squares, place, found.squares + found.known * np.square(found.mean - mean[place]))
    return known, mean, np.sqrt(squares / np.maximum(known, 1))
