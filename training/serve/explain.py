"""Which channels a unit's probability rests on: how far it moves when one of them stands at its mean.

Occlusion: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014. Channels that say the
same stand in for one another, and then each alone looks less important than both are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.prognostics.layout import Rows
from training.prognostics.preparation import Preparation
from training.serve.fleet import Unit
from training.serve.forecaster import Forecaster
from training.serve.recurrent import Array, Net


@dataclass(frozen=True)
class Channel:
    name: str
    moves: float
    """Probability as it is, less that without this channel: above 0 it speaks for a failure."""
    level: float
    """The last value, in spreads from the mean of training; NaN where not measured."""
    values: NDArray[np.floating]
    """(window,) as they came."""


def explain(prepared: Preparation, net: Net, unit: Unit) -> list[Channel]:
    """The channels of *unit*, those that move the probability most first.

    From the rows of its window alone: what reaches farther back (running means) is left out, so small moves say little.
    """
    kept, names = prepared.scaling.kept, prepared.columns.features
    if not len(unit.values):  # its first step is not over
        return []
    whole = _probability(prepared, net, unit, without=None)
    levels = prepared.scaling.apply(unit.values[-1:], unit.conditions[-1:])[0]
    levels = np.where(np.isnan(unit.values[-1, list(kept)]), np.nan, levels)
    found = [
        Channel(
            name=names[place],
            moves=whole - _probability(prepared, net, unit, without=place),
            level=float(levels[number]),
            values=unit.values[:, place],
        )
        for number, place in enumerate(kept)
    ]
    return sorted(found, key=lambda one: -abs(one.moves))


def _probability(prepared: Preparation, net: Net, unit: Unit, *, without: int | None) -> float:
    """Of the last row; a channel that was never measured stands at its mean."""

    def last_window_only(X: Array) -> Array:
        return np.repeat(net(np.asarray(X)[-1:]), len(X), axis=0)

    values = unit.values.copy()
    if without is not None:
        values[:, without] = np.nan
    count = len(values)
    rows = Rows([""] * count, unit.times[-count:], values, unit.conditions, np.arange(count))
    return float(Forecaster(prepared, last_window_only).forecast(rows).probability[-1])
