"""How rig leaves when it is asked to: by Ctrl-C or SIGTERM, and what comes once more while it leaves already."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType

from infra.errors import INTERRUPTED


class AskedToEnd(KeyboardInterrupt):
    """SIGTERM, by `kill`, an editor or a computer that is shut down: as Ctrl-C, but meant for rig and nobody else."""


def hear_sigterm() -> None:
    """What rig has started would live on if rig just died of it."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> None:
    raise AskedToEnd


def pass_over_second_ctrl_c() -> None:
    """Python may hear it while it buries an object, or while the answer to the first one is given: nobody can catch it
    at each of these moments, and it would print a traceback, and end us by the signal."""
    sys.unraisablehook = _report_lost
    sys.excepthook = _report_uncaught


def _report_lost(lost: sys.UnraisableHookArgs) -> None:
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)


def _report_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        leave_at_once(INTERRUPTED)
    sys.__excepthook__(kind, error, trace)


def leave_at_once(exit_code: int) -> None:
    """All is said. Python would wait for threads that still ask somebody, and end with a traceback if it came then."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    from infra.host.local_programs import end_programs

    _fall_silent()
    end_programs()
    os._exit(exit_code)


def _fall_silent() -> None:
    """A thread whose program is ended under it would say that the connection broke."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nobody, number)
