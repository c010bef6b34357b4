"""How far each unit has left its own beginning, for a fleet of which nothing has failed yet.

Without a failure nothing can be learnt about failing. What can be told: a unit's channels now, beside the same unit's
channels when its record began, measured by how much such stretches differ among units that began alike. That is drift,
not damage: a changed duty, a new sensor and a slow wear that all units share look the same to it.

The distance is that of Mahalanobis ("On the generalised distance in statistics", 1936). The chance comes from whole
units, as in split conformal prediction (intervals.py): no unit's own stretches vouch for it, and the fewer units there
are, the less small it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.history import prepare
from training.prognostics.scaling import fit_scaling
from training.prognostics.windows import UnitLog

Array = NDArray[np.floating]

FEWEST_STRETCHES: Final = 4
"""A unit's beginning is known by two stretches at least, and what is judged comes after them."""

SHRINKAGE: Final = 0.1
"""Of the covariance towards its diagonal: channels may be many and stretches few."""


@dataclass(frozen=True)
class UnitDrift:
    unit: str
    rows: int
    """Of its record."""
    score: float
    """Distance of the last stretch from the unit's beginning, in usual distances; about the root of the number of
    channels where nothing has changed.
    """
    chance: float
    """That a stretch of another unit's beginning is as far off: 1 / (units) at the least."""
    channel: str
    """That has changed most, and by how many usual changes of its own."""
    change: float


@dataclass(frozen=True)
class _Stretches:
    """Of one unit: how far the means of stretches (stretches, channels) are from its beginning without them."""

    beginning: Array
    last: Array


def fleet_drift(
    logs: Sequence[UnitLog], names: Sequence[str], *, stretch: int, beginning: float, carry: float
) -> list[UnitDrift]:
    """The most changed unit first. *names* of all channels; *stretch* rows make one mean; *beginning* is the share of
    each record that counts as its beginning. Units with too few rows are left out.

    Raises BadData where fewer than three units are long enough.
    """
    long = [log for log in logs if len(log.times) >= FEWEST_STRETCHES * stretch]
    if len(long) < 3:
        raise BadData(
            f"{len(long)} of {len(logs)} units have {FEWEST_STRETCHES * stretch} rows or more: too few to compare",
            f"A smaller --stretch than {stretch} makes shorter records enough; three units are needed at least.",
        )
    scaling = fit_scaling([_beginning_of(log, beginning) for log in long])
    rows, starts = prepare(long, scaling, carry=carry, over=1.0)
    each = [
        _stretches(rows[start : start + len(log.times)], stretch, beginning)
        for start, log in zip(starts, long, strict=True)
    ]
    kept = [names[place] for place in scaling.kept]
    told = [_judge(log, number, each, kept) for number, log in enumerate(long)]
    return sorted(told, key=lambda one: (one.chance, -one.score))


def _beginning_of(log: UnitLog, share: float) -> UnitLog:
    rows = max(1, round(share * len(log.times)))
    return UnitLog(log.unit, log.times[:rows], log.values[:rows], log.conditions[:rows])


def _stretches(rows: Array, stretch: int, share: float) -> _Stretches:
    """Counted from the last row, so that the last stretch is whole."""
    count = len(rows) // stretch
    means = rows[len(rows) - count * stretch :].reshape(count, stretch, -1).mean(axis=1, dtype=np.float64)
    early = means[: min(max(2, round(share * count)), count - 1)]
    # Each stretch of the beginning is compared with the others: compared with itself too it would be nearer.
    others = (early.sum(axis=0) - early) / (len(early) - 1)
    return _Stretches(early - others, means[-1] - early.mean(axis=0))


def _judge(log: UnitLog, number: int, each: Sequence[_Stretches], names: Sequence[str]) -> UnitDrift:
    """By what the other units' beginnings show."""
    others = [one.beginning for place, one in enumerate(each) if place != number]
    usual = _covariance(others)
    score = float(_distances(each[number].last[None], usual)[0])
    as_far = [float(np.mean(_distances(one, usual) >= score)) for one in others]
    changes = each[number].last / np.sqrt(np.diag(usual))
    most = int(np.argmax(np.abs(changes)))
    return UnitDrift(
        unit=log.unit,
        rows=len(log.times),
        score=score,
        chance=(1.0 + sum(as_far)) / (1.0 + len(as_far)),
        channel=names[most],
        change=float(changes[most]),
    )


def _covariance(others: Sequence[Array]) -> Array:
    """(channels, channels), each unit weighing alike."""
    whole: Array = np.mean([one.T @ one / len(one) for one in others], axis=0)
    spread = np.maximum(np.diag(whole), 1e-9)
    return (1 - SHRINKAGE) * whole + np.diag(SHRINKAGE * spread + 1e-9)


def _distances(stretches: Array, usual: Array) -> Array:
    """(stretches,)"""
    squares = np.einsum("nc,nc->n", stretches, np.linalg.solve(usual, stretches.T).T)
    return np.asarray(np.sqrt(squares), dtype=np.float64)
