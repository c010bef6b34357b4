"""How much memory something takes, whatever this process did before: the one place where tests count it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def most_bytes(work: Callable[[], T]) -> tuple[T, int]:
    """What *work* answers, and how many bytes more than before it held at most.

    It is done once before it is counted: what it imports, compiles or keeps at its first time would be counted in a
    process of its own, and not behind another test that has done so already.
    """
    work()
    gc.collect()
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
