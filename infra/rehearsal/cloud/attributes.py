"""Changes of an instance's attributes that moto ignores or lets pass."""

from __future__ import annotations

from typing import Any

from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Refusal

SHUTDOWN = "InstanceInitiatedShutdownBehavior.Value"


def in_the_form_moto_reads(call: Call) -> dict[str, str] | None:
    """`InstanceInitiatedShutdownBehavior={"Value": ...}` is a silent no-op in moto; Attribute= and Value= is not."""
    if SHUTDOWN not in call.params:
        return None
    others = {key: value for key, value in call.params.items() if key != SHUTDOWN}
    return {**others, "Attribute": "instanceInitiatedShutdownBehavior", "Value": call.params[SHUTDOWN]}


def refuse_type_of_running(call: Call, ec2: Any) -> None:
    changes_type = "InstanceType.Value" in call.params or call.params.get("Attribute") == "instanceType"
    if not changes_type:
        return
    instance = ec2.get_instance(call.params["InstanceId"])
    if instance.state != "stopped":
        raise Refusal("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state.")
