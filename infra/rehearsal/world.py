"""Everything one rehearsal consists of, put together: the AWS side, the machine room, the faults, the clock."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud import server
from infra.rehearsal.cloud.answers import Answer, as_json
from infra.rehearsal.cloud.layer import Journal
from infra.rehearsal.faults import Faults
from infra.rehearsal.instance.machine import Surroundings
from infra.rehearsal.instance.room import Room
from infra.rehearsal.place import Place


class World:
    def __init__(self, place: Place, clock: Clock, endpoint: str) -> None:
        self.place = place
        self.clock = clock
        self.faults = Faults()
        self.journal = Journal(place.calls, clock)
        around = Surroundings(place, clock, endpoint, self._press)
        self.room = Room(asyncio.get_running_loop(), around)

    def application(self) -> Any:
        return server.build(server.Parts(self.place, self.clock, self.room, self.faults, self.journal, self.control))

    def _press(self, instance_id: str, button: str) -> None:
        self.room.press(instance_id, button)

    def control(self, method: str, path: str, body: bytes) -> Answer:
        """What the client asks of the rehearsal itself, below /_rehearsal/."""
        if path == "ping":
            clock = {"speed": self.clock.speed, "start": self.clock.start}
            return as_json({"pid": os.getpid(), "project": str(self.place.project.resolve()), **clock})
        if path == "my-address":  # in a rehearsal every caller comes from here
            return Answer(200, b"127.0.0.1\n", "text/plain")
        return Answer(404, b"", "text/plain")

    def idle_s(self) -> float:
        """Seconds since anybody wanted anything: an AWS call, or an instance that is switched on and in use."""
        if self.room.in_use():
            return 0.0
        return time.monotonic() - self.journal.last

    async def close(self) -> None:
        await self.room.close()
