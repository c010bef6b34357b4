"""Ctrl-C once more, while rig leaves already: what it asks for happens, so nothing is said of it."""

from __future__ import annotations

import os
import signal
import sys


def pass_over_second_ctrl_c() -> None:
    """Python may hear it while it buries an object; nobody can catch that, and it would print a traceback."""
    sys.unraisablehook = _report_lost


def _report_lost(lost: sys.UnraisableHookArgs) -> None:
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)


def leave_at_once(exit_code: int) -> None:
    """All is said. Python would wait for threads that still ask somebody, and end with a traceback if it came then."""
    from infra.host.local_programs import end_programs

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _fall_silent()
    end_programs()
    os._exit(exit_code)


def _fall_silent() -> None:
    """A thread whose program is ended under it would say that the connection broke."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nobody, number)
