"""The ten kinds of resources the kit can leave in an account: how each is found by our mark, priced, and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.aws.client.tags import filters, from_tags
from infra.aws.offers.prices import HOURS_PER_MONTH, Rates, rates, shipped_price
from infra.names import KIT, NAME_TAG, OWNER_TAG

if TYPE_CHECKING:
    from infra.aws.client.session import Session

Answer = Mapping[str, Any]
Rows = Iterator[tuple[str, Mapping[str, str], str, float]]
"""Of each resource: id, tags, a note, US dollars per month."""

OURS: Final = filters({f"tag:{OWNER_TAG}": KIT})
LIVING: Final = ("pending", "running", "shutting-down", "stopping", "stopped")
# Alarms and schedules are known by their names.
PREFIX: Final = f"{KIT}-"


@dataclass(frozen=True)
class Resource:
    """Something in AWS that carries our mark. *usd_per_month* is what it costs if it stays as it is, by list price."""

    kind: str
    region: str
    id: str
    name: str
    note: str
    usd_per_month: float

    def __str__(self) -> str:
        return f"{self.kind} {self.id} in {self.region}"


@dataclass(frozen=True)
class ResourceKind:
    """*found* asks for what carries our mark in one region; *remove* takes one resource away."""

    name: str
    service: str
    found: Callable[[Any, Rates, str], Rows]
    remove: Callable[[Any, str], object]

    def resources(self, session: Session, region: str) -> list[Resource]:
        client = session.client(self.service, region=region)
        with session.translated(f"look for every {self.name} in {region}", region=region):
            return [
                Resource(self.name, region, id_, tags.get(NAME_TAG, ""), note, round(usd, 2))
                for id_, tags, note, usd in self.found(client, rates(region), region)
            ]


def _instances(ec2: Any, rates: Rates, region: str) -> Rows:
    living = filters({"instance-state-name": LIVING})
    for reservation in _pages(ec2, "describe_instances", "Reservations", Filters=OURS + living):
        for one in reservation["Instances"]:
            state, usd_per_hour = one["State"]["Name"], _usd_per_hour(one, rates, region)
            note = f"{one['InstanceType']}, {state}{', price unknown' if usd_per_hour is None else ''}"
            usd = (usd_per_hour or 0.0) * HOURS_PER_MONTH if state in ("pending", "running") else 0.0
            yield one["InstanceId"], from_tags(one.get("Tags", [])), note, usd


def _usd_per_hour(one: Answer, rates: Rates, region: str) -> float | None:
    """The machine and its address; the disk stands in its own line."""
    price = shipped_price(one["InstanceType"], region)
    if price is None:
        return None
    return price.usd_per_hour + (rates.address_usd_per_hour if one.get("PublicIpAddress") else 0.0)


def _volumes(ec2: Any, rates: Rates, _: str) -> Rows:
    for one in _pages(ec2, "describe_volumes", "Volumes", Filters=OURS):
        usd = rates.disk_usd_per_month(one["Size"])
        yield one["VolumeId"], from_tags(one.get("Tags", [])), f"{one['Size']} GiB, {one['State']}", usd


def _addresses(ec2: Any, rates: Rates, _: str) -> Rows:
    for one in ec2.describe_addresses(Filters=OURS)["Addresses"]:
        usd = rates.address_usd_per_hour * HOURS_PER_MONTH
        yield one["AllocationId"], from_tags(one.get("Tags", [])), one["PublicIp"], usd


def _images(ec2: Any, _: Rates, __: str) -> Rows:
    for one in _pages(ec2, "describe_images", "Images", Filters=OURS, Owners=["self"]):
        yield one["ImageId"], from_tags(one.get("Tags", [])), one.get("Name", ""), 0.0  # its snapshot is what costs


def _snapshots(ec2: Any, rates: Rates, _: str) -> Rows:
    for one in _pages(ec2, "describe_snapshots", "Snapshots", Filters=OURS, OwnerIds=["self"]):
        usd = one["VolumeSize"] * rates.snapshot_usd_per_gib_month
        yield one["SnapshotId"], from_tags(one.get("Tags", [])), f"{one['VolumeSize']} GiB at most", usd


def _groups(ec2: Any, _: Rates, __: str) -> Rows:
    for one in _pages(ec2, "describe_security_groups", "SecurityGroups", Filters=OURS):
        yield one["GroupId"], from_tags(one.get("Tags", [])), one["GroupName"], 0.0


def _placement_groups(ec2: Any, _: Rates, __: str) -> Rows:
    for one in ec2.describe_placement_groups(Filters=OURS)["PlacementGroups"]:
        yield one["GroupName"], from_tags(one.get("Tags", [])), one.get("Strategy", ""), 0.0


def _keys(ec2: Any, _: Rates, __: str) -> Rows:
    for one in ec2.describe_key_pairs(Filters=OURS)["KeyPairs"]:
        yield one["KeyName"], from_tags(one["Tags"]), one["KeyPairId"], 0.0


def _alarms(cloudwatch: Any, rates: Rates, _: str) -> Rows:
    for one in _pages(cloudwatch, "describe_alarms", "MetricAlarms", AlarmNamePrefix=PREFIX):
        yield one["AlarmName"], {}, one["StateValue"], rates.alarm_usd_per_month


def _schedules(scheduler: Any, _: Rates, __: str) -> Rows:
    for one in _pages(scheduler, "list_schedules", "Schedules", NamePrefix=PREFIX):
        yield one["Name"], {}, one.get("State", ""), 0.0


def _pages(client: Any, operation: str, key: str, **asked: Any) -> Iterator[Answer]:
    for page in client.get_paginator(operation).paginate(**asked):
        yield from page[key]


# In the order in which they are removed: what costs most goes first, what something else hangs on goes after it, and
# the guards go last, so that a removal that is killed half-way still leaves a machine that is stopped in time.
KINDS: Final = (
    ResourceKind("instance", "ec2", _instances, lambda ec2, id_: ec2.terminate_instances(InstanceIds=[id_])),
    ResourceKind("volume", "ec2", _volumes, lambda ec2, id_: ec2.delete_volume(VolumeId=id_)),
    ResourceKind("address", "ec2", _addresses, lambda ec2, id_: ec2.release_address(AllocationId=id_)),
    ResourceKind("image", "ec2", _images, lambda ec2, id_: ec2.deregister_image(ImageId=id_)),
    ResourceKind("snapshot", "ec2", _snapshots, lambda ec2, id_: ec2.delete_snapshot(SnapshotId=id_)),
    ResourceKind(
        "placement group", "ec2", _placement_groups, lambda ec2, id_: ec2.delete_placement_group(GroupName=id_)
    ),
    ResourceKind("security group", "ec2", _groups, lambda ec2, id_: ec2.delete_security_group(GroupId=id_)),
    ResourceKind("key pair", "ec2", _keys, lambda ec2, id_: ec2.delete_key_pair(KeyName=id_)),
    ResourceKind("schedule", "scheduler", _schedules, lambda scheduler, id_: scheduler.delete_schedule(Name=id_)),
    ResourceKind("alarm", "cloudwatch", _alarms, lambda cloudwatch, id_: cloudwatch.delete_alarms(AlarmNames=[id_])),
)
KIND_BY_NAME: Final = {kind.name: kind for kind in KINDS}
