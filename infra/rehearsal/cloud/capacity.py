"""Where there is a free machine: a zone is chosen for a launch that names none, and shortages are refused as by EC2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.rehearsal.cloud.dependencies import MotoEC2
from infra.rehearsal.cloud.response import Refusal
from infra.rehearsal.cloud.run_instances import zone_asked
from infra.rehearsal.fault_injection import Faults


class ZoneChoice(MotoEC2):
    """EC2 takes a zone that offers the type and has room for all that is asked for; moto always takes the first."""

    faults: Faults

    def run_instances(self, image_id: str, count: int, *args: Any, **kwargs: Any) -> Any:
        named = bool(kwargs.get("placement") or kwargs.get("subnet_id") or kwargs.get("nics"))
        kind = kwargs["instance_type"]
        zones = zones_of(self, kind)
        if not named and zones:
            free = [zone for zone in zones if not self.faults.short_of(zone, kind, count)]
            kwargs["placement"] = (free or zones)[0]
        reservation = super().run_instances(image_id, count, *args, **kwargs)
        self.faults.take(str(reservation.instances[0].placement.zone), kind, count)
        return reservation


def zones_of(ec2: Any, machine_type: str) -> list[str]:
    offered = ec2.describe_instance_type_offerings("availability-zone", {"instance-type": [machine_type]})
    return sorted({offer["Location"] for offer in offered})


def refuse_without_capacity(ec2: Any, faults: Faults, machine_type: str, zone: str, count: int = 1) -> None:
    """All *count* or none. *zone* empty: any in the region will do, but one for all of them. EC2's answer has status
    500, which SDKs retry by themselves."""
    zones = zones_of(ec2, machine_type)
    wanted = [zone] if zone else zones
    if not wanted or any(not faults.short_of(one, machine_type, count) for one in wanted):
        return
    free = [one for one in zones if not faults.short_of(one, machine_type, count)]
    if not zone:
        text = (
            f"We currently do not have sufficient {machine_type} capacity in zones with support for 'gp3' volumes. Our "
            "system will be working on provisioning additional capacity."
        )
    else:
        text = (
            f"We currently do not have sufficient {machine_type} capacity in the Availability Zone you requested "
            f"({zone}). Our system will be working on provisioning additional capacity. You can currently get "
            f"{machine_type} capacity by not specifying an Availability Zone in your request or choosing "
            f"{', '.join(free)}."
        )
    raise Refusal("InsufficientInstanceCapacity", text, 500)


def zone_of_wish(ec2: Any, wish: Mapping[str, Any]) -> str:
    """The zone of RunInstances in moto's own words."""
    nics = wish.get("nics") or [{}]
    return zone_asked(
        {"Placement.AvailabilityZone": wish.get("placement") or "",
         "SubnetId": wish.get("subnet_id") or nics[0].get("SubnetId")}, ec2
    )  # fmt: skip
