"""Ctrl-C where money is at stake: it may end the wait for results, never the order that ends the bill."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class CtrlC:
    """While *interrupts*, the next press raises KeyboardInterrupt, and that one alone; any other does nothing."""

    def __init__(self) -> None:
        self.interrupts = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.interrupts:
            self.interrupts = False
            raise KeyboardInterrupt


@contextmanager
def tamed_ctrl_c() -> Iterator[CtrlC]:
    """Lend a CtrlC, to which every press goes meanwhile. In any other thread than the main one none arrives anyway."""
    ctrl_c = CtrlC()
    if threading.current_thread() is not threading.main_thread():
        yield ctrl_c
        return
    before = signal.signal(signal.SIGINT, ctrl_c)
    try:
        yield ctrl_c
    finally:
        signal.signal(signal.SIGINT, before)
