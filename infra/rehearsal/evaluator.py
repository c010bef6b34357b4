"""What AWS does by itself: it measures, evaluates alarms, fires schedules, takes spot instances back."""

from __future__ import annotations

from typing import Final

from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud import alarms, schedules
from infra.rehearsal.cloud.metrics import Metrics
from infra.rehearsal.cloud.quotas import vcpus
from infra.rehearsal.instance.instances import Room
from infra.rehearsal.instance.load import Meter, Usage
from infra.rehearsal.instance.machine import Machine
from infra.rehearsal.paths import Place

# How often to look: a minute of the rehearsal, but neither a burden nor a long wait for the user.
LOOK_S: Final = 60.0
LEAST_S, MOST_S = 0.2, 5.0
# The guard keeps one processor busy for three minutes of every half hour, which tells CloudWatch that it lives. In a
# rehearsal it spares the laptop that, and is credited with it as long as it does anything at all.
PULSE_S: Final = 1800.0


class Watch:
    def __init__(self, place: Place, clock: Clock, room: Room, account: str) -> None:
        self.metrics = Metrics()
        self._clock = clock
        self._room = room
        self._account = account
        self._meter = Meter(place)
        self._looked = clock.time()
        self._alive: dict[str, float] = {}

    @property
    def pause_s(self) -> float:
        return min(MOST_S, max(LEAST_S, self._clock.really(LOOK_S)))

    def look(self) -> None:
        """One round. Runs in a thread: it takes EC2's lock."""
        now = self._clock.time()
        usage = self._meter.read()
        for machine in self._room.running():
            self._measure(machine, usage.get(machine.record.birth.id, Usage()), now)
        self._looked = now
        alarms.evaluate_all(self.metrics, self._clock, self._account)
        schedules.fire_due(self._clock, self._account)

    def _measure(self, machine: Machine, usage: Usage, now: float) -> None:
        instance_id = machine.record.birth.id
        real_s = max(self._clock.really(now - self._looked), 1e-3)
        cores = vcpus(machine.record.type()) or 1
        if usage.services_s and not machine.frozen:
            self._alive[instance_id] = now
        percent = min(100.0, 100.0 * usage.jobs_s / real_s / cores)
        if now - self._alive.get(instance_id, float("-inf")) < PULSE_S:
            percent = max(percent, 100.0 / cores)
        for at in self._moments(now):
            self.metrics.add(instance_id, "CPUUtilization", at, percent)
            self.metrics.add(instance_id, "StatusCheckFailed", at, float(machine.frozen))

    def _moments(self, now: float) -> list[float]:
        """A point for every minute since the last look: with a fast clock many minutes pass between two."""
        minutes = max(1, round((now - self._looked) / LOOK_S))
        return [now - minute * LOOK_S for minute in reversed(range(minutes))]
