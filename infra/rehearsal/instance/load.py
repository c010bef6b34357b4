"""How busy the instances are, from their processes' own CPU time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.rehearsal.paths import INSTANCE_MARK, Place
from infra.rehearsal.processes import LINUX

SERVICE = b"RIG_UNIT="


@dataclass
class Usage:
    """CPU seconds used since the last look: by the jobs, and by the instance's services (the guard)."""

    jobs_s: float = 0.0
    services_s: float = 0.0


@dataclass
class Meter:
    place: Place
    _before: dict[int, float] = field(default_factory=dict)

    def read(self) -> dict[str, Usage]:
        """By instance id. Where there is no /proc nothing can be told apart, and every instance counts as busy."""
        usage: dict[str, Usage] = {}
        now: dict[int, float] = {}
        for pid, instance_id, service, used_s in _processes(self.place.mark.encode()):
            now[pid] = used_s
            spent = max(0.0, used_s - self._before.get(pid, 0.0))
            of = usage.setdefault(instance_id, Usage())
            if service:
                of.services_s += spent
            else:
                of.jobs_s += spent
        self._before = now
        return usage


def _processes(mark: bytes) -> Iterator[tuple[int, str, bool, float]]:
    if not LINUX:
        return
    prefix = f"{INSTANCE_MARK}=".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            entries = (folder / "environ").read_bytes().split(b"\0")
            if mark in entries:
                instance = next(entry for entry in entries if entry.startswith(prefix))[len(prefix) :].decode()
                service = any(entry.startswith(SERVICE) for entry in entries)
                yield int(folder.name), instance, service, _cpu_seconds(folder)
        except (OSError, StopIteration):
            continue


def _cpu_seconds(folder: Path) -> float:
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime, stime and those of dead children, in ticks.
    words = (folder / "stat").read_text().rpartition(")")[2].split()
    return sum(int(word) for word in words[11:15]) / os.sysconf("SC_CLK_TCK")
