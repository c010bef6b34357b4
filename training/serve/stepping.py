"""Rows in service brought to the steps that the model sees, as in training; a model that sees rows gets rows."""

from __future__ import annotations

import numpy as np

from training.prognostics.columns import Columns
from training.prognostics.layout import Rows
from training.prognostics.moments import moment_like
from training.prognostics.resampling import to_steps
from training.serve.forecaster import Forecast, Forecaster, Memory
from training.serve.rows import Arrived


def forecast_steps(forecaster: Forecaster, arrived: Arrived) -> tuple[Arrived, Forecast]:
    """What is told, and the answers: of the rows *arrived*, or of the steps that are over with them."""
    told = finish_steps(arrived, forecaster.memory, forecaster.prepared.columns)
    return told, forecaster.forecast(told.rows)


def finish_steps(arrived: Arrived, memory: Memory, columns: Columns) -> Arrived:
    """The steps that are over with the rows *arrived*, in the order of the rows that came after them; *memory* keeps
    what is known of those that are not. The line of a step is that of the row that ended it.
    """
    if memory.begun is None:
        return arrived
    rows, places = arrived.rows, memory.places(arrived.rows.units)
    order = np.argsort(places, kind="stable")
    units, counts = np.unique(places, return_counts=True)
    memory.times[places] = rows.times  # of a unit's rows the last one is the last to be put
    begun = memory.begun.of(units)
    found = to_steps(rows.times[order], rows.values[order], rows.conditions[order], counts, begun, columns)
    memory.begun.put(units, found.begun)
    by = order[found.ended_by]
    first = np.argsort(by, kind="stable")
    by, times = by[first], found.times[first]
    steps = Rows(
        units=[rows.units[row] for row in by],
        times=times,
        values=found.values[first],
        conditions=found.conditions[first],
        lines=rows.lines[by],
    )
    words = [moment_like(time, columns, arrived.times[row]) for time, row in zip(times.tolist(), by, strict=True)]
    return Arrived(steps, words)
