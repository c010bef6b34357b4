"""How much of each kind is tried: a sample in `make test`, all of it in `make trust`, which also counts."""

from __future__ import annotations

import os
from typing import TypeVar

ALL = os.environ.get("GLUON_RIG_TRUST") == "1"
_count = 0
T = TypeVar("T")


def size(sample: T, whole: T) -> T:
    return whole if ALL else sample


def tried(cases: int = 1) -> None:
    """The test that runs now has tried so many cases more. One that never says so is one case."""
    global _count
    _count += cases


def take_count() -> int:
    """What was tried since the last call."""
    global _count
    counted, _count = _count, 0
    return counted
