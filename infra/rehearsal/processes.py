"""Find and end processes by a mark in their environment: children inherit it, through setsid and a parent's death."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

LINUX = Path("/proc/self/environ").exists()
STATE, END_CODE, ENV_START, ENV_END = 3, 27, 50, 51  # the fields of /proc/PID/stat, counted as in proc_pid_stat(5)


def carrying(mark: str) -> list[int]:
    """Ids of the living processes whose environment holds the entry *mark* ("NAME=value"); never this process."""
    found = _carrying_proc(mark.encode()) if LINUX else _carrying_ps(mark)
    return [pid for pid in found if pid != os.getpid()]


def _carrying_proc(mark: bytes) -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit() and mark in _environment(name):
            yield int(name)


def _environment(pid: str) -> list[bytes]:
    """Empty for one that is gone, that has ended and waits for its parent, or that is another user's."""
    try:
        while not (text := Path(f"/proc/{pid}/environ").read_bytes()) and not _was_given_none(pid):
            time.sleep(0.001)
        return text.split(b"\0")
    except OSError:
        return []


def _was_given_none(pid: str) -> bool:
    """Else it was caught between two programs (execve): Linux tells the new environment's place before the program's.

    https://github.com/torvalds/linux/blob/master/fs/binfmt_elf.c, load_elf_binary
    """
    os.readlink(f"/proc/{pid}/exe")  # OSError: a process of the kernel, or one that has ended; neither will have one
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    program_end, start, end = (fields[number - STATE] for number in (END_CODE, ENV_START, ENV_END))
    return program_end != "0" and start == end


def _carrying_ps(mark: str) -> Iterator[int]:
    # macOS has no /proc; its ps prints the environment of the caller's own processes behind the command.
    listing = subprocess.run(["ps", "-axEww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    for line in listing.stdout.splitlines():
        pid, _, words = line.strip().partition(" ")
        if f" {mark} " in f"{words} ":
            yield int(pid)


def command_of(pid: int) -> list[str]:
    """The words with which *pid* was started; empty when there is no such process."""
    if LINUX:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            return []
    said = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return said.stdout.split()  # a path with a space in it is not recognised; nothing is ended then


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def end(mark: str, *, grace_s: float = 0.0, but_not: str = "", deadline_s: float = 10.0) -> bool:
    """Ask the processes carrying *mark* to end, wait *grace_s* at most, then kill. True when none is left.

    Those carrying *but_not* as well are not asked: somebody else among the asked passes the word on to them.
    """
    if grace_s:
        spared = set(carrying(but_not)) if but_not else set()
        send([pid for pid in carrying(mark) if pid not in spared], signal.SIGTERM)
        if wait_gone(mark, grace_s):
            return True
    until = time.monotonic() + deadline_s
    while pids := carrying(mark):
        if time.monotonic() > until:
            return False
        send(pids, signal.SIGKILL)
        time.sleep(0.01)
    return True


def wait_gone(mark: str, timeout_s: float) -> bool:
    """Wait until no process carries *mark*; False when some still do after *timeout_s*."""
    until = time.monotonic() + timeout_s
    while seen := carrying(mark):
        # Looking at those seen is cheap, looking for new ones is not.
        while any(_still(pid, mark) for pid in seen):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
    return True


def _still(pid: int, mark: str) -> bool:
    return mark.encode() in _environment(str(pid)) if LINUX else pid in carrying(mark)
