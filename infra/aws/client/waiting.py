"""Nobody looks at a silent screen for long: after five seconds it is said what AWS is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from infra.console import Tell

FIRST_S: Final = 5.0
THEN_S: Final = 30.0


class Waiting:
    """Shared by the threads of one command: what several wait for at once is said by one of them."""

    def __init__(self, tell: Tell, *, first_s: float = FIRST_S, then_s: float = THEN_S) -> None:
        self._tell = tell
        self._first_s, self._then_s = first_s, then_s
        self._lock = threading.Lock()
        self._told_at = float("-inf")

    @contextmanager
    def on(self, action: str) -> Iterator[None]:
        """*action* reads after "trying to": "start i-0abc"."""
        over = threading.Event()
        threading.Thread(target=self._speak, args=(action, over), daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def _speak(self, action: str, over: threading.Event) -> None:
        pause_s, begun = self._first_s, time.monotonic()
        while not over.wait(pause_s):
            pause_s = self._then_s
            if self._is_my_turn():
                waited_s = time.monotonic() - begun
                self._tell(f"AWS has not answered for {waited_s:.0f} s; still trying to {action}")

    def _is_my_turn(self) -> bool:
        with self._lock:
            mine = time.monotonic() - self._told_at >= self._first_s
            if mine:
                self._told_at = time.monotonic()
            return mine
