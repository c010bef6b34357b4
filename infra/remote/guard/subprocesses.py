"""Run other programs without ever waiting for one: a hung Docker, driver or disk must not hang the guard."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

MOST_OUTPUT = 65536  # what a pipe holds: a program that says more blocks, and is killed at its timeout
ASK_AGAIN_S = 1.0


class Program:
    """One program, asked every *every_s*. `answer` is its last whole output; None: failed, hung, or not there."""

    def __init__(self, words: Sequence[str], every_s: float, timeout_s: float) -> None:
        self.words = list(words)
        self.every_s = every_s
        self.timeout_s = timeout_s
        self.answer: str | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._started_at = float("-inf")

    def poll(self, now: float) -> None:
        """Never blocks. *now* is any clock in seconds that only goes forward."""
        if self._child is not None:
            self._look_after(self._child, now)
        elif now - self._started_at >= self.every_s:
            self._started_at = now
            self._child = start(self.words)
            if self._child is None:
                self.answer = None

    def _look_after(self, child: subprocess.Popen[bytes], now: float) -> None:
        code = child.poll()
        if code is not None:
            self.answer = output(child) if code == 0 else None
            self._child = None
        elif now - self._started_at > self.timeout_s:
            # Until it is really gone no other is started: one stuck in the kernel stays one.
            self.answer = None
            kill(child)


def finish(words: Sequence[str], timeout_s: float, alive: Callable[[], None]) -> str:
    """Run a program for *timeout_s* at most and say in a few words how that went. Calls *alive* all the while."""
    child = start(words, stdout=subprocess.DEVNULL)
    if child is None:
        return "is not there"
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        alive()
        code = child.poll()
        if code is not None:
            return "done" if code == 0 else f"exit {code}"
        time.sleep(0.05)
    kill(child)
    return f"given up after {timeout_s:.0f} s"


def ask(words: Sequence[str], timeout_s: float, alive: Callable[[], None]) -> str | None:
    """The program's output. It is asked anew while it fails; None: in *timeout_s* it has not answered."""
    program = Program(words, every_s=ASK_AGAIN_S, timeout_s=timeout_s)
    until = time.monotonic() + timeout_s + 1
    while program.answer is None and time.monotonic() < until:
        program.poll(time.monotonic())
        alive()
        time.sleep(0.05)
    return program.answer


def start(words: Sequence[str], stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that it can be killed with its children
            env=dict(os.environ, LC_ALL="C"),
        )
    except OSError:
        return None


def output(child: subprocess.Popen[bytes]) -> str:
    """What the ended *child* said. A grandchild that holds the pipe open is not waited for."""
    assert child.stdout is not None
    with child.stdout as pipe:
        os.set_blocking(pipe.fileno(), False)
        try:
            said = os.read(pipe.fileno(), MOST_OUTPUT)
        except BlockingIOError:
            said = b""
    return said.decode("utf-8", "replace")


def kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
