"""What a forecaster keeps of its units, taken out of it for a state file, put back, and forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.prognostics.history import Past
from training.serve.forecaster import Forecaster, Memory

Arrays = dict[str, NDArray[Any]]
PREFIX = "memory."


def take_memory(forecaster: Forecaster) -> tuple[list[str], Arrays]:
    """The units, and what is kept of each in that order: arrays (units, ...)."""
    memory, count = forecaster.memory, len(forecaster.memory.place)
    arrays = {PREFIX + one.name: getattr(memory.past, one.name)[:count] for one in fields(Past)}
    own = {PREFIX + name: getattr(memory, name)[:count] for name in ("windows", "times")}
    return list(memory.place), {**arrays, **own}


def put_memory(forecaster: Forecaster, units: list[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Into a new forecaster, arrays (units, ...). Raises KeyError or ValueError where they do not fit it."""
    windows, times = arrays[PREFIX + "windows"], arrays[PREFIX + "times"]
    past = {one.name: arrays[PREFIX + one.name] for one in fields(Past)}
    expected = (len(units), *forecaster.memory.windows.shape[1:])
    if windows.shape != expected or any(len(one) != len(units) for one in (times, *past.values())):
        raise ValueError(f"windows of shape {windows.shape} for {len(units)} units")
    place = {unit: number for number, unit in enumerate(units)}
    forecaster.memory = Memory(Past(**past), windows, times, place)


def forget(forecaster: Forecaster, unit: str) -> None:
    units, arrays = take_memory(forecaster)
    kept = np.array([number for number, name in enumerate(units) if name != unit], dtype=np.intp)
    put_memory(forecaster, [units[number] for number in kept], {name: one[kept] for name, one in arrays.items()})
