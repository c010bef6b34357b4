"""What a forecaster keeps of its units, taken apart for a file, and put together again when every number is sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.prognostics.columns import Columns
from training.prognostics.history import Past
from training.prognostics.preparation import Preparation
from training.prognostics.resampling import Begun
from training.serve.forecaster import Memory

Arrays = dict[str, NDArray[Any]]
OWN: Final = ("windows", "times")
PAST: Final = tuple(one.name for one in fields(Past))
BEGUN: Final = tuple(one.name for one in fields(Begun))
OF_STEP: Final = "step."


def names_of(prepared: Preparation) -> tuple[str, ...]:
    """What the arrays are called that a forecaster *prepared* so keeps."""
    return (*OWN, *PAST, *(tuple(OF_STEP + name for name in BEGUN) if prepared.columns.step else ()))


def take_memory(memory: Memory) -> tuple[list[str], Arrays]:
    """The units, and what is kept of each in that order: arrays (units, ...)."""
    count, own = len(memory.place), {name: getattr(memory, name) for name in OWN}
    arrays = {**own, **{name: getattr(memory.past, name) for name in PAST}}
    if memory.begun is not None:
        arrays |= {OF_STEP + name: getattr(memory.begun, name) for name in BEGUN}
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
    past = Past(**{name: arrays[name] for name in PAST})
    begun = Begun(**{name: arrays[OF_STEP + name] for name in BEGUN}) if prepared.columns.step else None
    return Memory(past, arrays["windows"], arrays["times"], place, begun)


def _require_sound(count: int, arrays: Mapping[str, NDArray[Any]], prepared: Preparation) -> None:
    channels, kept = prepared.channels, len(prepared.scaling.kept)
    shapes: dict[str, tuple[tuple[int, ...], type[Any]]] = {
        "times": ((count,), np.float64),
        "windows": ((count, prepared.window, kept), np.float32),
        "values": ((count, channels), np.float32),
        "since": ((count, channels), np.float32),
        "mean": ((count, kept), np.float32),
        "seen": ((count,), np.int64),
    }
    if prepared.columns.step:
        shapes |= _shapes_of_step(count, prepared.columns)
    for name, (shape, kind) in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            raise ValueError(f"{name} of shape {arrays[name].shape} for {count} units")
    if not all(bool(np.isfinite(arrays[name]).all()) for name in ("times", "windows", "mean")):
        raise ValueError("a number that is none")
    fewest = 0 if prepared.columns.step else 1  # a unit's first step may not be over
    if not (np.all(arrays["since"] >= 0) and np.all(arrays["seen"] >= fewest)):
        raise ValueError("rows counted backwards")
    if prepared.columns.step and not np.all(arrays[OF_STEP + "count"] >= 0):
        raise ValueError("values counted backwards")


def _shapes_of_step(count: int, columns: Columns) -> dict[str, tuple[tuple[int, ...], type[Any]]]:
    """Those of an empty one."""
    empty = Begun.none(count, len(columns.measured), len(columns.conditions))
    return {OF_STEP + name: (part.shape, part.dtype.type) for name, part in vars(empty).items()}
