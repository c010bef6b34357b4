"""Signals where money is at stake: they may end the wait for results, never the order that ends the bill."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from infra.signals import answered_by


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
    """Lend a CtrlC, to which every press goes meanwhile, and SIGTERM, which a computer sends that is shut down."""
    ctrl_c = CtrlC()
    with answered_by(ctrl_c, signal.SIGINT, signal.SIGTERM):
        yield ctrl_c


@contextmanager
def outliving_the_terminal() -> Iterator[None]:
    """Whoever closes the window behind `rig stop` has not taken it back; as under nohup, also for what we start."""
    with answered_by(signal.SIG_IGN, signal.SIGHUP):
        yield
