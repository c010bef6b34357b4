"""What a forecaster keeps of its units, taken apart for a file, and put together again when every number is sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.prognostics.history import Past
from training.prognostics.preparation import Preparation
from training.serve.forecaster import Forecaster, Memory

Arrays = dict[str, NDArray[Any]]
OWN: Final = ("windows", "times")
NAMES: Final = (*OWN, *(one.name for one in fields(Past)))


def take_memory(memory: Memory) -> tuple[list[str], Arrays]:
    """The units, and what is kept of each in that order: arrays (units, ...)."""
    count, own = len(memory.place), {name: getattr(memory, name) for name in OWN}
    arrays = {**own, **{one.name: getattr(memory.past, one.name) for one in fields(Past)}}
    return list(memory.place), {name: array[:count] for name, array in arrays.items()}


def put_memory(prepared: Preparation, units: Any, arrays: Mapping[str, NDArray[Any]]) -> Memory:
    """What `take_memory` took apart, of a forecaster that is *prepared* so: the arrays have a row per unit,
    `windows` being (unit, row of the window, channel kept). Raises KeyError where an array is missing, ValueError where
    anything is not as a forecaster keeps it."""
    if not isinstance(units, list) or not all(isinstance(unit, str) for unit in units):
        raise ValueError("what should name the units does not")
    if len(set(units)) != len(units):
        raise ValueError("a unit stands there twice")
    _require_sound(len(units), arrays, prepared)
    place = {unit: number for number, unit in enumerate(units)}
    past = Past(**{one.name: arrays[one.name] for one in fields(Past)})
    return Memory(past, arrays["windows"], arrays["times"], place)


def _require_sound(count: int, arrays: Mapping[str, NDArray[Any]], prepared: Preparation) -> None:
    channels, kept = prepared.channels, len(prepared.scaling.kept)
    shapes = {
        "times": ((count,), np.float64),
        "windows": ((count, prepared.window, kept), np.float32),
        "values": ((count, channels), np.float32),
        "since": ((count, channels), np.float32),
        "mean": ((count, kept), np.float32),
        "seen": ((count,), np.int64),
    }
    for name, (shape, kind) in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            raise ValueError(f"{name} of shape {arrays[name].shape} for {count} units")
    if not all(bool(np.isfinite(arrays[name]).all()) for name in ("times", "windows", "mean")):
        raise ValueError("a number that is none")
    if not (np.all(arrays["since"] >= 0) and np.all(arrays["seen"] > 0)):
        raise ValueError("rows counted backwards")


def forget(forecaster: Forecaster, unit: str) -> None:
    units, arrays = take_memory(forecaster.memory)
    kept = np.array([number for number, name in enumerate(units) if name != unit], dtype=np.intp)
    left = {name: one[kept] for name, one in arrays.items()}
    forecaster.memory = put_memory(forecaster.prepared, [units[number] for number in kept], left)
