"""What an instance costs by the hour, from what AWS says it is now: its type, its market, its disks.

No tag is read for it: a stopped instance may get another type, and a tag would go on telling the old one's price.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.aws.client.tags import filters
from infra.aws.offers.instance_types import FILTER_VALUES
from infra.aws.offers.prices import SpotPrices, on_demand, rates, spot
from infra.budget import HourlyCost
from infra.errors import RigError

if TYPE_CHECKING:
    from infra.aws.client.session import Session
    from infra.aws.instances.instance import Instance


@dataclass(frozen=True)
class Disk:
    """All disks of one instance together. *created*: of the oldest, which is when the instance was made."""

    gib: int
    created: datetime


def price_of(session: Session, instance: Instance) -> HourlyCost | None:
    """None: nobody knows the price of its type."""
    return prices_of(session, [instance], disks_of(session, [instance])).get(instance.id)


def prices_of(session: Session, instances: Sequence[Instance], disks: Mapping[str, Disk]) -> dict[str, HourlyCost]:
    """By instance id; absent where nobody knows the price of the type. *disks*: what `disks_of` answered."""
    beside = rates(session.region)
    listed = on_demand(session, (one.type for one in instances), [session.region])
    offers = _spot_prices(session, [one.type for one in instances if one.spot])
    found = {}
    for one in instances:
        ceiling = listed.get((session.region, one.type))
        if ceiling:
            now = offers.get(one.type, {}).get(one.zone, ceiling) if one.spot else ceiling
            found[one.id] = HourlyCost(
                usd_instance_per_hour=now.usd_per_hour,
                usd_instance_most_per_hour=ceiling.usd_per_hour,
                usd_disk_per_month=beside.disk_usd_per_month(disks[one.id].gib if one.id in disks else 0),
                usd_address_per_hour=beside.address_usd_per_hour,
            )
    return found


def _spot_prices(session: Session, types: Sequence[str]) -> SpotPrices:
    try:
        return spot(session, sorted(set(types))) if types else {}
    except RigError:
        return {}  # then the full price is taken, which spot cannot pass


def disks_of(session: Session, instances: Iterable[Instance]) -> dict[str, Disk]:
    """By instance id. Absent: an instance without a disk, and one whose disks are going in this moment."""
    wanted = {volume: one.id for one in instances for volume in one.volume_ids}
    disks: dict[str, Disk] = {}
    for volume in _volumes(session, list(wanted)):
        owner = wanted.get(volume["VolumeId"])
        if owner is None:  # not what was asked for
            continue
        known = disks.get(owner)
        created = min(volume["CreateTime"], known.created) if known else volume["CreateTime"]
        disks[owner] = Disk(volume["Size"] + (known.gib if known else 0), created)
    return disks


def _volumes(session: Session, ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """By filter: asked for by id, one volume that has just gone would refuse the whole question."""
    for start in range(0, len(ids), FILTER_VALUES):
        with session.translated("look up the disks"):
            pages = session.client("ec2").get_paginator("describe_volumes")
            for page in pages.paginate(Filters=filters({"volume-id": ids[start : start + FILTER_VALUES]})):
                yield from page["Volumes"]
