"""Placement groups, which moto does not have: made, shown, deleted, and asked after when a machine is to stand in one.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from moto.ec2.models.instance_types import INSTANCE_TYPES

from infra.rehearsal.cloud import response
from infra.rehearsal.cloud.dependencies import MotoEC2
from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Answer, Refusal

STRATEGIES: Final = ("cluster", "partition", "spread")


@dataclass(frozen=True)
class PlacementGroup:
    name: str
    strategy: str
    tags: tuple[tuple[str, str], ...]

    @property
    def as_xml(self) -> str:
        tags = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in self.tags)
        return (
            f"<groupName>{self.name}</groupName><strategy>{self.strategy}</strategy><state>available</state>"
            f"<groupId>pg-{hashlib.sha256(self.name.encode()).hexdigest()[:17]}</groupId><tagSet>{tags}</tagSet>"
        )


class Placed(MotoEC2):
    """A machine stands in the placement group that its launch named; moto forgets the name."""

    group_asked_for: str = ""

    def run_instances(self, *args: Any, **kwargs: Any) -> Any:
        reservation = super().run_instances(*args, **kwargs)
        for instance in reservation.instances:
            instance.placement.group_name = self.group_asked_for
        return reservation


def create(call: Call, ec2: Any) -> Answer:
    groups, name = _groups(ec2), str(call.params.get("GroupName", ""))
    strategy = str(call.params.get("Strategy", "cluster"))
    if strategy not in STRATEGIES:
        raise Refusal("InvalidParameterValue", f"Value ({strategy}) for parameter strategy is invalid.")
    if name in groups:
        raise Refusal("InvalidPlacementGroup.Duplicate", f"The placement group '{name}' already exists.")
    groups[name] = PlacementGroup(name, strategy, _tags(call))
    return response.ec2(call, f"<return>true</return><placementGroup>{groups[name].as_xml}</placementGroup>")


def describe(call: Call, ec2: Any) -> Answer:
    shown = "".join(f"<item>{group.as_xml}</item>" for group in _groups(ec2).values() if _fits(call, group))
    return response.ec2(call, f"<placementGroupSet>{shown}</placementGroupSet>")


def delete(call: Call, ec2: Any) -> Answer:
    name = str(call.params.get("GroupName", ""))
    _known(ec2, name)
    if any(one.placement.group_name == name and one.state != "terminated" for one in ec2.all_instances()):
        raise Refusal("InvalidPlacementGroup.InUse", f"The placement group '{name}' is in use and may not be deleted.")
    del _groups(ec2)[name]
    return response.ec2(call, "<return>true</return>")


def refuse_wrong_group(call: Call, ec2: Any) -> None:
    """One that does not exist, and a type that no group of that strategy takes. Notes the name for `Placed`."""
    ec2.group_asked_for = name = str(call.params.get("Placement.GroupName", ""))
    if not name:
        return
    kind, strategy = str(call.params.get("InstanceType", "")), _known(ec2, name).strategy
    if strategy not in INSTANCE_TYPES.get(kind, {}).get("PlacementGroupInfo", {}).get("SupportedStrategies", ()):
        raise Refusal(
            "InvalidParameterCombination",
            f"{strategy.title()} placement groups are not supported by the '{kind}' instance type. Specify a supported "
            "instance type or change the placement group strategy, and try again.",
        )


def _groups(ec2: Any) -> dict[str, PlacementGroup]:
    groups: dict[str, PlacementGroup] = ec2.__dict__.setdefault("placement_groups", {})
    return groups


def _known(ec2: Any, name: str) -> PlacementGroup:
    if name not in _groups(ec2):
        raise Refusal("InvalidPlacementGroup.Unknown", f"The placement group '{name}' is unknown.")
    return _groups(ec2)[name]


def _tags(call: Call) -> tuple[tuple[str, str], ...]:
    keys, values = (call.numbered_in("TagSpecification.1.Tag", part) for part in ("Key", "Value"))
    return tuple(zip(keys, values, strict=True))


def _fits(call: Call, group: PlacementGroup) -> bool:
    has = {f"tag:{key}": value for key, value in group.tags} | {"group-name": group.name}
    return all(has.get(name) in call.filtered(name) for name in call.numbered_in("Filter", "Name"))
