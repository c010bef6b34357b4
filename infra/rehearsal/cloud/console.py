"""GetConsoleOutput: what the instance really printed. moto gives the same sample for all."""

from __future__ import annotations

import base64
from typing import Any

from infra.rehearsal.cloud import response
from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Answer
from infra.rehearsal.instance.record import MachineRoom


def console_output(call: Call, ec2: Any, room: MachineRoom) -> Answer:
    instance = ec2.get_instance(call.params["InstanceId"])
    text = base64.b64encode(room.console(instance.id).encode()).decode()
    when = f"{instance.ledger.ec2.clock.now():%Y-%m-%dT%H:%M:%S.000Z}"
    return response.ec2(
        call, f"<instanceId>{instance.id}</instanceId><timestamp>{when}</timestamp><output>{text}</output>"
    )
