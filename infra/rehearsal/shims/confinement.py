"""Keeps a container that is a plain process from changing what it could not change on an instance.

    python run.py confined FOLDER... -- COMMAND WORD...

On Linux the command gets a mount namespace in which all is read-only but the folders named: as root, or as anybody
where the system lets users make namespaces. Elsewhere it runs as it is, and the container's log says so.
https://man7.org/linux/man-pages/man2/mount_setattr.2.html, user_namespaces(7)
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000  # linux/sched.h
_BIND, _PRIVATE, _ALL = 0x1000, 0x40000, 0x4000  # linux/mount.h
_SETATTR, _HERE, _RECURSIVE, _READ_ONLY = 442, -100, 0x8000, 0x1  # the same number on every processor
SHARED_MEMORY = "/dev/shm"
NOT_FOUND, NOT_EXECUTABLE = 127, 126


class _Attributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd"))


def main(name: str, words: list[str]) -> int:
    end = words.index("--")
    confine(words[:end])
    command = words[end + 1 :]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE


def can_confine() -> bool:
    """Try it, in a process of its own: what a system forbids, it does not announce."""
    if not sys.platform.startswith("linux"):
        return False
    child = os.fork()
    if child == 0:
        try:
            confine([])
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def confine(folders: Sequence[str]) -> None:
    """From here on this process can write below *folders* alone. Raises OSError where the system forbids it."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", _NEW_MOUNTS if user == 0 else _NEW_MOUNTS | _NEW_USERS)
    if user:
        for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path("/proc/self", file).write_text(text)
    _call("mount", None, b"/", None, _PRIVATE | _ALL, None)
    writable = [os.fsencode(os.path.realpath(folder)) for folder in [*folders, SHARED_MEMORY] if os.path.isdir(folder)]
    for path in writable:
        _call("mount", path, path, None, _BIND | _ALL, None)
    _set_attributes(b"/", _Attributes(attr_set=_READ_ONLY))
    for path in writable:
        _set_attributes(path, _Attributes(attr_clr=_READ_ONLY))
    os.chdir(os.getcwd())  # by its name again: the folder we stood in is the one below the new mounts


def _set_attributes(path: bytes, attributes: _Attributes) -> None:
    _call("syscall", _SETATTR, _HERE, path, _RECURSIVE, ctypes.byref(attributes), ctypes.sizeof(attributes))


def _call(name: str, *arguments: object) -> None:
    """A function of the C library. Raises OSError."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
