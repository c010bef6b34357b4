"""An answer that is dear, found once for all who asked before somebody began to look for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedAnswer(Generic[T]):
    """What is asked again and again from many threads, and may change meanwhile."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._last: tuple[int, T] | None = None

    def get(self, find: Callable[[], T]) -> T:
        """What *find* says when it is called after this call began; another thread's may be as good."""
        asked = time.monotonic_ns()
        with self._turn:
            if self._last is None or self._last[0] <= asked:
                began = time.monotonic_ns()
                self._last = began, find()
            return self._last[1]
