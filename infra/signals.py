"""Ctrl-C and its like, answered otherwise for a while."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def answered_by(answer: Any, *numbers: signal.Signals) -> Iterator[None]:
    """What a signal meets during the block; behind it each has the answer that it had before, whatever one raises that
    comes in between. In any other thread than the main one no signal arrives anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with ExitStack() as undo:
        for number in numbers:
            undo.callback(signal.signal, number, signal.getsignal(number))
            signal.signal(number, answer)
        yield
