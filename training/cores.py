"""The cores of this machine: how many a run takes, and how its threads share them with other programs.

A step of a net is a hundred short pieces of work, behind each of which all threads wait for the last one. Beside
another program that one is late by as long as the kernel lets the other run: docs/decisions/0006-waiting.md.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

TURN_NS: Final = 100_000  # the least that the kernel takes
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}  # the system call; most libraries of today have no name for it


def physical_cores() -> int:
    """Cores this process may use, counting two hyper-threads of a core once."""
    return max(1, min(machine_cores(), _container_limit()))


def machine_cores() -> int:
    """The same, whatever share of their time a container has."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return len({_siblings(cpu) for cpu in allowed})


def can_bind() -> bool:
    """Whether libgomp finds out here which CPUs are a core: elsewhere it would say that it cannot, and go on."""
    return hasattr(os, "sched_getaffinity") and all(_topology(cpu).exists() for cpu in os.sched_getaffinity(0))


def _siblings(cpu: int) -> str:
    try:
        return _topology(cpu).read_text().strip()
    except OSError:  # not Linux, or a sandbox without sysfs: every CPU counts
        return str(cpu)


def _topology(cpu: int) -> Path:
    return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")


def _container_limit(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """CPUs that `docker run --cpus` leaves to this process: control groups of version 2, or of 1 on an older host.

    https://docs.kernel.org/scheduler/sched-bwc.html
    """
    told = (groups / "cpu.max",), (groups / "cpu/cpu.cfs_quota_us", groups / "cpu/cpu.cfs_period_us")
    for files in told:
        with suppress(OSError, ValueError):  # not of this version; or "max" and -1, which are no limit
            quota, period = " ".join(file.read_text() for file in files).split()
            if int(quota) > 0:
                return max(1, round(int(quota) / int(period)))
    return sys.maxsize


@contextmanager
def free_to_move() -> Iterator[None]:
    """Whatever the block loads, this thread runs on any core behind it, as before: libgomp binds whoever loads it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    yield
    with suppress(OSError):  # a sandbox may refuse it
        os.sched_setaffinity(0, allowed)


class _SchedAttr(ctypes.Structure):
    """struct sched_attr of sched_setattr(2)."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime_ns", ctypes.c_uint64),
        ("deadline_ns", ctypes.c_uint64),
        ("period_ns", ctypes.c_uint64),
    )


def take_short_turns() -> None:
    """Have this thread, and those it begins from here on, run in more and shorter turns where others want its core.

    It gets no more of the core, but waits a shorter time for it. Linux 6.12 and later; elsewhere nothing changes.
    https://docs.kernel.org/scheduler/sched-eevdf.html
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wish = _SchedAttr(ctypes.sizeof(_SchedAttr), os.SCHED_OTHER, 0, nice, 0, TURN_NS, 0, 0)
    ctypes.CDLL(None).syscall(number, 0, ctypes.byref(wish), 0)  # says -1 where it is refused: turns stay as they were
