"""Is this AWS account ready? Every look-up that a launch depends on, as a value, with the way to fix what is not.

Changes nothing and costs nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from infra.aws.access.key_pair import local_key, require_same_key
from infra.aws.access.network import default_subnets, reachable_zones
from infra.aws.client.regions import enabled_regions
from infra.aws.instances.ami import describe_image, newest_id
from infra.aws.instances.instance import find
from infra.aws.offers.offers import Offer, find_offers
from infra.aws.offers.quota import Quota, quota_of
from infra.errors import AwsFailed, NoCredentials, NotAllowed, RigError

if TYPE_CHECKING:
    from infra.aws.client.session import Session
    from infra.console import Tell
    from infra.settings import Settings


@dataclass(frozen=True)
class Check:
    """One line of the examination. *ok* None: nobody could tell. *fix*: one line per step, empty when all is well."""

    name: str
    ok: bool | None
    found: str
    fix: str = ""


def examine(session: Session, settings: Settings, *, tell: Tell) -> list[Check]:
    """Every check of the AWS half, side by side. Without credentials there is nothing else to look at."""
    who = run_check("credentials", lambda: _identity(session))
    if not who.ok:
        return [who]
    with ThreadPoolExecutor() as pool:
        region = pool.submit(run_check, "region", lambda: _region(session))
        image = pool.submit(run_check, "image", lambda: _image(session, settings))
        network = pool.submit(run_check, "network", lambda: _network(session))
        machine = pool.submit(_machine, session, settings, tell)
    return [who, region.result(), *machine.result(), image.result(), network.result()]


def run_check(name: str, look: Callable[[], Check]) -> Check:
    """*look*, or what stood in its way."""
    try:
        return look()
    except RigError as error:
        return Check(name, False, error.cause, error.hint)


def check_key(session: Session, rig: str, path: Path) -> Check:
    """The SSH key, and whether the instance that is there was launched with it."""
    if not path.exists() and not path.is_symlink():
        return Check("key", True, f"{path} is made at the first launch")
    key = local_key(path)
    with suppress(NoCredentials, NotAllowed, AwsFailed):  # another line says so
        if instance := find(session, rig):
            require_same_key(rig, key, instance)
    return Check("key", True, f"{path}, {key.fingerprint}")


def _identity(session: Session) -> Check:
    with session.translated("ask AWS who you are"):
        who = session.client("sts").get_caller_identity()
    return Check("credentials", True, f"account {who['Account']}, as {who['Arn']}")


def _region(session: Session) -> Check:
    if session.region in enabled_regions(session):
        return Check("region", True, session.region)
    return Check(
        "region",
        False,
        f"{session.region} is not enabled in your account",
        "enable it in the AWS console (Account, AWS Regions), or take another: REGION=us-east-1",
    )


def _image(session: Session, settings: Settings) -> Check:
    ami = settings.ami or newest_id(session, settings.os)
    image = describe_image(session, ami=ami, os=settings.os)
    return Check("image", True, f"{image.id}, {image.name}, at least {image.root_gib} GiB of disk")


def _network(session: Session) -> Check:
    subnets = default_subnets(session)
    if subnets is None:
        return Check("network", None, "nobody may look", "allow ec2:DescribeSubnets and ec2:DescribeVpcs to know")
    zones = reachable_zones(subnets, (), what="a machine", region=session.region)
    return Check("network", True, f"default subnets with public addresses in {', '.join(zones)}")


def _machine(session: Session, settings: Settings, tell: Tell) -> list[Check]:
    """Type, price and quota hang together: without a type that may be launched, the others have no meaning."""
    try:
        found = find_offers(session, settings, tell=tell)
    except RigError as error:
        return [Check("type", False, error.cause, error.hint)]
    best = found[0]
    return [
        _type(best),
        Check("price", True, str(best.price)),
        run_check("quota", lambda: _room(session, settings, best)),
    ]


def _type(best: Offer) -> Check:
    if best.zones:
        return Check("type", True, f"{best.machine}, offered in {', '.join(best.zones)}")
    return Check("type", False, f"{best.machine} is offered in no zone of {best.region}", "take another type or region")


def _room(session: Session, settings: Settings, best: Offer) -> Check:
    """Whether the rig may start. One that runs holds its vCPUs already, and would be counted twice."""
    rig = find(session, settings.name)
    if rig and rig.state in ("pending", "running"):
        return Check("quota", True, f"{rig.id} is {rig.state}, so its vCPUs are granted")
    quota = quota_of(session, best.machine, spot=best.spot, region=best.region)
    return _quota(replace(quota, needed=quota.needed * settings.machines) if quota else None)


def _quota(quota: Quota | None) -> Check:
    if quota is None:
        return Check("quota", None, "the kit knows no quota for this family of types")
    ask = f"to ask AWS for more: {shlex.join(quota.request)}"
    if quota.enough is None:
        return Check("quota", None, str(quota), "allow servicequotas:GetServiceQuota and ec2:DescribeInstances to know")
    return Check("quota", quota.enough, str(quota), "" if quota.enough else ask)
