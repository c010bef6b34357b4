"""The troubles that happen to instances, once asked for: hang, cut lines, spot notices, a full disk, a GPU of paper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from infra.rehearsal.clock import Clock
from infra.rehearsal.fault_injection import USAGE, Troubles, UnknownFault
from infra.rehearsal.instance.instances import Room
from infra.rehearsal.instance.machine import Machine
from infra.rehearsal.instance.network import Network

NOTICE: Final = timedelta(minutes=2)


class Trouble:
    """Called from the AWS side's threads; what it does happens on the event loop."""

    def __init__(self, room: Room, network: Network, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._room = room
        self._network = network
        self._clock = clock
        self._loop = loop

    def cause(self, words: list[str], now: Troubles) -> str | None:
        """Do what *words* ask of the instances and say so; None when that is not about instances."""
        verb = words[0]
        if verb == "nvidia-smi":
            return self._on_all("now have this nvidia-smi", lambda machine: machine.fake_gpu(_file(words)))
        if verb == "spot-notice":
            return self._spot_notice()
        if verb in ("net-cut", "net-slow"):
            return self._on_network(verb, words[1:])
        if verb == "clear":
            self._network.heal()
        deeds: dict[str, tuple[str, Callable[[Machine], None]]] = {
            "hang": ("hang", Machine.freeze),
            "drop-ssh": ("lost their SSH connections", lambda machine: machine.sshd.drop_connections()),
            "disk-full": ("have a full disk", lambda machine: machine.limit_files(full=True)),
            "clear": ("are well again", Machine.heal),
        }
        return self._on_all(*deeds[verb]) if verb in deeds else None

    def _on_network(self, verb: str, words: list[str]) -> str:
        if len(words) != 1 or not words[0].removesuffix("mbit").isdecimal():
            raise UnknownFault(USAGE[verb])
        slow = verb == "net-slow"
        count = self._network.slow(words[0]) if slow else int(self._network.cut(int(words[0])))
        if not count:
            raise UnknownFault(
                "no such machine of a group has a network of its own: that takes Linux, root, `ip` and `tc` "
                "(Debian, Ubuntu: sudo apt install iproute2)"
            )
        return (
            f"{count} machine(s) send {words[0]} at most" if slow else f"machine {words[0]} is cut off from the others"
        )

    def _on_all(self, said: str, deed: Callable[[Machine], None]) -> str:
        machines = self._room.running()
        for machine in machines:
            self._loop.call_soon_threadsafe(deed, machine)
        return f"{len(machines)} instance(s) {said}"

    def _spot_notice(self) -> str:
        spots = [machine for machine in self._room.running() if machine.record.birth.life_cycle == "spot"]
        if not spots:
            raise UnknownFault("there is no spot instance; `SPOT=1` launches one")
        at = self._clock.now() + NOTICE
        for machine in spots:
            machine.spot_notice = json.dumps({"action": "terminate", "time": f"{at:%Y-%m-%dT%H:%M:%SZ}"})
            self._loop.call_soon_threadsafe(self._take_back_later, machine)
        return f"{len(spots)} spot instance(s) end at {at:%H:%M:%S} UTC"

    def _take_back_later(self, machine: Machine) -> None:
        seconds = self._clock.really(NOTICE.total_seconds())
        self._loop.call_later(seconds, lambda: self._loop.run_in_executor(None, machine.record.take_back))


def _file(words: list[str]) -> Path | None:
    """The file that nvidia-smi prints; None for "off"."""
    if len(words) != 2:
        raise UnknownFault(USAGE["nvidia-smi"])
    if words[1] == "off":
        return None
    path = Path(words[1]).resolve()
    if not path.is_file():
        raise UnknownFault(f"there is no file {path}")
    return path
