"""How busy the instances are, from their processes' own CPU time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil

from infra.rehearsal.paths import INSTANCE_MARK, Place

SERVICE = "RIG_UNIT"


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
        """By instance id."""
        usage: dict[str, Usage] = {}
        now: dict[int, float] = {}
        for pid, instance_id, service, used_s in _processes(self.place.mark):
            now[pid] = used_s
            spent = max(0.0, used_s - self._before.get(pid, 0.0))
            of = usage.setdefault(instance_id, Usage())
            if service:
                of.services_s += spent
            else:
                of.jobs_s += spent
        self._before = now
        return usage


def _processes(mark: str) -> Iterator[tuple[int, str, bool, float]]:
    # What may not be asked of a process (another user's, one that has just ended) is None.
    for process in psutil.process_iter(["environ", "cpu_times"], ad_value=None):
        environ, used = process.info["environ"] or {}, process.info["cpu_times"]
        name, _, value = mark.partition("=")
        if used and environ.get(name) == value and INSTANCE_MARK in environ:
            yield process.pid, environ[INSTANCE_MARK], SERVICE in environ, _cpu_seconds(used)


def _cpu_seconds(used: Any) -> float:
    """Of the process itself and of its children that have ended."""
    return float(used.user + used.system + used.children_user + used.children_system)
