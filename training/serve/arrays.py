"""Many equal records of arrays and numbers as a few long arrays, and back: what a state file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Record = TypeVar("Record")
Packed = dict[str, NDArray[Any]]
NUMBER = -1
"""Stands for the length of what is no array."""


def pack(kind: type[Any], records: Sequence[Any], *, prefix: str) -> Packed:
    """The fields of the dataclass *kind*, each an array (n, ...) or a number, over all *records*."""
    packed: Packed = {}
    for one in fields(kind):
        values = [np.asarray(getattr(record, one.name)) for record in records]
        packed[f"{prefix}{one.name}.lengths"] = np.array([len(v) if v.ndim else NUMBER for v in values], dtype=np.int64)
        packed[f"{prefix}{one.name}"] = np.concatenate([np.atleast_1d(v) for v in values]) if values else np.empty(0)
    return packed


def unpack(kind: type[Record], packed: Mapping[str, NDArray[Any]], *, prefix: str) -> list[Record]:
    """What `pack` took apart, in its shapes. Raises KeyError or ValueError where *packed* is something else."""
    names = [f"{prefix}{one.name}" for one in fields(cast("Any", kind))]  # any dataclass: there is no type for that
    columns = [_split(packed[name], packed[f"{name}.lengths"]) for name in names]
    return [kind(*each) for each in zip(*columns, strict=True)]


def _split(values: NDArray[Any], lengths: NDArray[np.int64]) -> list[Any]:
    ends = np.cumsum(np.abs(lengths))
    if len(ends) and ends[-1] != len(values):
        raise ValueError(f"{len(values)} values where {ends[-1]} were kept")
    starts = ends - np.abs(lengths)
    return [
        values[start].item() if length == NUMBER else values[start:end]
        for start, end, length in zip(starts, ends, lengths, strict=True)
    ]
