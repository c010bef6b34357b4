"""What the AWS side is made of, handed in by the process that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.rehearsal.clock import Clock
from infra.rehearsal.paths import Place

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend

    from infra.rehearsal.cloud.wsgi import Journal
    from infra.rehearsal.fault_injection import Faults
    from infra.rehearsal.instance.record import MachineRoom

    MotoEC2 = EC2Backend
else:
    # The classes that fix moto's EC2 stand in front of it: it comes last, once, by RehearsedEC2 (patches.py).
    MotoEC2 = object

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Parts:
    """What the AWS side is given by the rest of the process."""

    place: Place
    clock: Clock
    room: MachineRoom
    faults: Faults
    journal: Journal
