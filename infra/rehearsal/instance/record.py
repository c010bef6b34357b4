"""What an instance and the AWS side say to each other: a value and two short lists of calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Birth:
    """What stays true of an instance from RunInstances until its end."""

    id: str
    region: str
    zone: str
    image_id: str
    life_cycle: Literal["on-demand", "spot"]
    login: str  # ubuntu or ec2-user
    public_key: str  # OpenSSH line of the imported key pair; empty: nobody can log in
    user_data: bytes


class Record(Protocol):
    """AWS's side of one instance. Every method may be called from any thread."""

    @property
    def birth(self) -> Birth: ...

    def type(self) -> str: ...

    def state(self) -> str:
        """EC2's word: pending, running, ..."""

    def tags(self) -> Mapping[str, str]: ...

    def running(self, port: int) -> None:
        """It has its address now: 127.0.0.1 and *port*."""

    def off(self) -> None:
        """Its processes are gone: `stopping` becomes `stopped`, `shutting-down` becomes `terminated`."""

    def take_back(self) -> None:
        """AWS needs the machine of this spot instance."""

    def shut_down_from_inside(self) -> None:
        """Somebody on the instance switched it off: stop or terminate, as its shutdown behaviour says."""


class MachineRoom(Protocol):
    """The instances' side, as AWS's side calls it, from any thread. None of these waits."""

    def power_on(self, record: Record) -> None: ...

    def join_network(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        """The private address of each machine of one order, by which the others reach it."""

    def power_off(self, record: Record, *, forget: bool) -> None:
        """*forget*: the instance was terminated, its disk goes too."""

    def reboot(self, record: Record) -> None: ...

    def bake(self, instance_id: str, image_id: str) -> None:
        """Keep a copy of the instance's disk, to be the disk of what is launched from the image."""

    def console(self, instance_id: str) -> str:
        """What the instance has printed on its console; empty before the first boot is through."""
