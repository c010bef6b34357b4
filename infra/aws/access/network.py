"""Where a new instance would live: in the default subnet of its zone, which must give it a public address.

The kit makes no network. One that is missing, or that nobody could reach, is known before anything is rented.
https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.aws.client.tags import filters
from infra.errors import NotAllowed, UserError

if TYPE_CHECKING:
    from infra.aws.client.session import Session


@dataclass(frozen=True)
class Subnet:
    """*public*: whether what is launched in it gets a public address."""

    id: str
    zone: str
    public: bool


def default_subnets(session: Session) -> tuple[Subnet, ...] | None:
    """The default subnet of each zone; None when we may not look, which forbids no launch.

    Raises UserError when the region has no default network.
    """
    try:
        with session.translated("look up the default subnets"):
            pages = session.client("ec2").get_paginator("describe_subnets")
            found = [
                one for page in pages.paginate(Filters=filters({"default-for-az": "true"})) for one in page["Subnets"]
            ]
        if not found:
            _require_default_vpc(session)
    except NotAllowed:
        return None
    return tuple(Subnet(one["SubnetId"], one["AvailabilityZone"], one["MapPublicIpOnLaunch"]) for one in found)


def _require_default_vpc(session: Session) -> None:
    with session.translated("look up the default network"):
        found = session.client("ec2").describe_vpcs(Filters=filters({"is-default": "true"}))["Vpcs"]
    if not found:
        raise UserError(
            f"{session.region} has no default network (VPC) in your account, and the kit makes none",
            f"`aws ec2 create-default-vpc --region {session.region}` makes one; it costs nothing\n"
            "or take another region: REGION=us-east-1",
        )


def reachable_zones(subnets: Iterable[Subnet], offered: Iterable[str], *, what: str, region: str) -> tuple[str, ...]:
    """Those of the zones in which *what* is *offered* where it can live and be reached; in the order of *offered*.

    Raises UserError when there is none, or when one of them gives no public address: EC2 chooses among them.
    """
    by_zone = {subnet.zone: subnet for subnet in subnets}
    offered = tuple(offered) or tuple(sorted(by_zone))
    there = [by_zone[zone] for zone in offered if zone in by_zone]
    if not there:
        where = ", ".join(offered) or "any zone"
        zone = offered[0] if offered else f"{region}a"
        raise UserError(
            f"The default network of {region} has no default subnet where {what} is offered ({where})",
            f"`aws ec2 create-default-subnet --availability-zone {zone} --region {region}` makes one; it costs nothing",
        )
    shut = [subnet for subnet in there if not subnet.public]
    if shut:
        raise UserError(
            f"A machine in {', '.join(f'{one.id} ({one.zone})' for one in shut)} gets no public address, so that "
            "nobody could reach it",
            "\n".join(
                f"`aws ec2 modify-subnet-attribute --subnet-id {one.id} --map-public-ip-on-launch --region {region}`"
                for one in shut
            ),
        )
    return tuple(subnet.zone for subnet in there)
