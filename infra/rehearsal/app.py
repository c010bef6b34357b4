"""Everything one rehearsal consists of, put together: the AWS side, the machine room, the faults, the clock."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time

from infra.rehearsal.active_faults import Trouble
from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud import server
from infra.rehearsal.cloud.dependencies import ACCOUNT, Parts
from infra.rehearsal.cloud.response import Answer, as_json
from infra.rehearsal.cloud.wsgi import Journal
from infra.rehearsal.fault_injection import Faults, UnknownFault
from infra.rehearsal.instance.instances import Room
from infra.rehearsal.instance.machine import Surroundings
from infra.rehearsal.instance.network import Network
from infra.rehearsal.paths import Place
from infra.rehearsal.shims import engine

log = logging.getLogger(__name__)


class World:
    """Built in a thread beside *loop*, on which the instances live."""

    def __init__(self, place: Place, clock: Clock, endpoint: str, loop: asyncio.AbstractEventLoop) -> None:
        self.clock = clock
        self.faults = Faults()
        self.journal = Journal(place.calls, clock)
        self.network = Network(
            place.folder, os.environ, lambda: engine.chosen(place.engine_file, os.environ) == "process"
        )
        self.room = Room(loop, Surroundings(place, clock, endpoint, self.faults, self.network, self._press))
        self.application = server.build(Parts(place, clock, self.room, self.faults, self.journal))
        from infra.rehearsal.evaluator import Watch  # imports moto, which server.build has just done in the right way

        self.watch = Watch(place, clock, self.room, ACCOUNT)
        self._trouble = Trouble(self.room, self.network, clock, loop)

    def _press(self, instance_id: str, button: str) -> None:
        self.room.press(instance_id, button)

    def control(self, method: str, path: str, body: bytes) -> Answer:
        """What the client asks of the rehearsal itself, below /_rehearsal/."""
        if path != "fault" or method != "POST":
            return Answer(404, b"", "text/plain")
        words = json.loads(body)["words"]
        try:
            said = self.faults.change(words)
            once = self._trouble.cause(words, self.faults.now)
        except UnknownFault as error:
            cause = f"`{' '.join(words)}` is no fault of the rehearsal." if words else "Which fault?"
            return Answer(400, json.dumps({"cause": cause, "hint": str(error)}).encode(), "application/json")
        return as_json({"said": once or said})

    async def watch_on(self) -> None:
        """Let AWS do what it does by itself, until cancelled."""
        while True:
            await asyncio.sleep(self.watch.pause_s)
            try:
                await asyncio.to_thread(self.watch.look)
            except Exception:  # one look that failed must not be the last: money guards depend on it
                log.exception("a look at alarms and schedules failed")

    def idle_s(self) -> float:
        """Seconds since the last AWS call."""
        return time.monotonic() - self.journal.last

    async def close(self) -> None:
        await self.room.close()
        await asyncio.to_thread(self.network.clear)
