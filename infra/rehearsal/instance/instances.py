"""The machine room: switches instances on and off when AWS's side says so, each step in its time.

AWS's side calls from its own threads; everything here happens on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from infra.rehearsal.instance.machine import Machine, Surroundings
from infra.rehearsal.instance.record import Record
from infra.rehearsal.instance.sshd import reserve_new_port, reserve_port

# Seconds a real instance takes, and the most of the world's seconds that a rehearsal spends on it.
PENDING_S: Final = 15.0
STOPPING_S: Final = 30.0
AT_MOST_S: Final = 0.3
CONSOLE_BYTES: Final = 64 * 1024  # what GetConsoleOutput gives at most

log = logging.getLogger(__name__)


class Room:
    def __init__(self, loop: asyncio.AbstractEventLoop, around: Surroundings) -> None:
        self.machines: dict[str, Machine] = {}
        self._loop = loop
        self._around = around
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._last_port: dict[str, int] = {}

    # Called by AWS's side, from any thread.

    def power_on(self, record: Record) -> None:
        self._begin(record.birth.id, lambda: self._power_on(record))

    def power_off(self, record: Record, *, forget: bool) -> None:
        self._begin(record.birth.id, lambda: self._power_off(record, forget=forget))

    def reboot(self, record: Record) -> None:
        self._begin(record.birth.id, lambda: self._reboot(record))

    def bake(self, instance_id: str, image_id: str) -> None:
        machine = self.machines.get(instance_id)
        if machine:
            machine.disk.copy_to(self._around.place.images / image_id)

    def console(self, instance_id: str) -> str:
        machine = self.machines.get(instance_id)
        if machine is None or not machine.disk.console.exists():
            return ""
        return machine.disk.console.read_text(errors="replace")[-CONSOLE_BYTES:]

    def join_network(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        return self._around.network.join(instance_ids)

    # On the event loop.

    def running(self) -> list[Machine]:
        """Those that EC2 calls running. Takes EC2's lock: for threads, not for the event loop."""
        return [machine for machine in list(self.machines.values()) if machine.record.state() == "running"]

    def in_use(self) -> bool:
        """Somebody is logged in, or a container runs."""
        return any(machine.sshd.connections or machine.containers_run() for machine in self.running())

    def press(self, instance_id: str, button: str) -> None:
        """The power button, pressed from inside."""
        machine = self.machines.get(instance_id)
        if machine is None:
            return
        if button == "halt":  # the operating system is gone, and EC2 goes on billing
            machine.freeze()
        elif button == "reboot":
            self.reboot(machine.record)
        else:
            self._loop.run_in_executor(None, machine.record.shut_down_from_inside)

    async def close(self) -> None:
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*(machine.shut_down(grace_s=0) for machine in self.machines.values()))

    def _begin(self, instance_id: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._loop.call_soon_threadsafe(lambda: self._replace_work(instance_id, work()))

    def _replace_work(self, instance_id: str, work: Coroutine[Any, Any, None]) -> None:
        before = self._under_way.get(instance_id)
        task = self._loop.create_task(_after(before, work))
        self._under_way[instance_id] = task
        task.add_done_callback(lambda done: _report(instance_id, done))

    async def _power_on(self, record: Record) -> None:
        await self._pass_time(PENDING_S)
        instance_id = record.birth.id
        sock = reserve_new_port(self._last_port.get(instance_id, 0))
        port = self._last_port[instance_id] = sock.getsockname()[1]
        self.machines[instance_id] = machine = Machine(record, self._around)
        await asyncio.to_thread(record.running, port)
        try:
            await machine.boot(sock)
        except asyncio.CancelledError:
            sock.close()
            raise

    async def _power_off(self, record: Record, *, forget: bool) -> None:
        machine = self.machines.get(record.birth.id)
        if machine:
            await machine.shut_down()
        await self._pass_time(STOPPING_S)
        if forget and machine:
            await asyncio.to_thread(machine.erase)
            await asyncio.to_thread(self._around.network.leave, record.birth.id)
        await asyncio.to_thread(record.off)

    async def _reboot(self, record: Record) -> None:
        machine = self.machines[record.birth.id]
        await machine.shut_down()
        # A reboot keeps the address, so it keeps the port.
        sock = reserve_port(self._last_port[record.birth.id])
        self.machines[record.birth.id] = again = Machine(record, self._around)
        await again.boot(sock)

    async def _pass_time(self, seconds: float) -> None:
        await asyncio.sleep(min(self._around.clock.really(seconds), AT_MOST_S))


async def _after(before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
    """A newer wish ends the older one: a stop interrupts a boot that never ends."""
    if before and not before.done():
        before.cancel()
        with suppress(asyncio.CancelledError):
            await before
    await work


def _report(instance_id: str, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception():
        log.error("instance %s: the last power change failed", instance_id, exc_info=task.exception())
