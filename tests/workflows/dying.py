"""A `rig` that is killed at its n-th change of anything: a request, a command to a host, a program, a write.

    python -m tests.workflows.dying N COUNT_FILE WORDS...    SIGKILL at change N; 0: none, and the number of all is
                                                             written into COUNT_FILE

Python's audit hooks tell of them. https://docs.python.org/3/library/audit_events.html
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from pathlib import Path

import paramiko

from infra.cli import main

CHANGES = {
    "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate", "os.utime",
    "subprocess.Popen", "fcntl.flock", "http.client.send",
}  # fmt: skip


class Reaper:
    def __init__(self, number: int) -> None:
        self.number, self.seen = number, 0
        self._one_at_a_time = threading.RLock()

    def look(self, event: str, words: tuple[object, ...]) -> None:
        if event in CHANGES or (event == "open" and _writes(*words)):
            self.count()

    def count(self) -> None:
        with self._one_at_a_time:
            self.seen += 1
            if self.seen == self.number:
                os.kill(os.getpid(), signal.SIGKILL)


def _writes(path: object, _mode: object, flags: object) -> bool:
    """Python's own compiled modules are no change of ours, and a device is not changed."""
    if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return False
    return not str(path).startswith("/dev/") and "__pycache__" not in str(path)


def die(number: int, count_file: Path) -> None:
    reaper = Reaper(number)
    send = paramiko.Channel.exec_command

    def exec_command(channel: paramiko.Channel, command: bytes | str) -> None:
        reaper.count()
        send(channel, command)

    paramiko.Channel.exec_command = exec_command
    if not number:
        atexit.register(lambda: os.write(_open(count_file), str(reaper.seen).encode()))
    sys.addaudithook(reaper.look)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)


if __name__ == "__main__":
    at, count_file, *words = sys.argv[1:]
    die(int(at), Path(count_file))
    sys.argv[0] = "rig"
    sys.exit(main(words))
