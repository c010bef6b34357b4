"""Everything the kit ever made, in all regions, with what it costs a month; and taking it away.

Nothing is found but what carries our tag (alarms and schedules: our name), so nothing else can be removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.aws.account.resources import KIND_BY_NAME, KINDS, Resource
from infra.aws.client.regions import enabled_regions, in_each
from infra.errors import RigError

if TYPE_CHECKING:
    from infra.aws.client.account import Account
    from infra.aws.client.session import Session

# AWS lets these go once what uses them has ended.
IN_USE: Final = {
    *("DependencyViolation", "VolumeInUse", "InvalidSnapshot.InUse", "InvalidIPAddress.InUse"),
    "InvalidPlacementGroup.InUse",
}
TERMINATION_WAIT_S: Final = 600.0
RELEASE_WAIT_S: Final = 120.0


@dataclass(frozen=True)
class Found:
    """*unseen*: where nobody could look ("eu-west-1, volume"), and why: something of ours may still cost money."""

    resources: tuple[Resource, ...]
    unseen: Mapping[str, str]

    @property
    def usd_per_month(self) -> float:
        return sum(resource.usd_per_month for resource in self.resources)


@dataclass(frozen=True)
class Left:
    """A resource that is still there, and why."""

    resource: Resource
    reason: str


def find(session: Session, *, regions: Sequence[str] | None = None) -> Found:
    """Look in all *regions* of the account (None: every one that is enabled) side by side."""
    where = [(region, kind.name) for region in regions or enabled_regions(session) for kind in KINDS]
    answers = in_each(where, lambda place: KIND_BY_NAME[place[1]].resources(session, place[0]))
    resources = [resource for some in answers.said.values() for resource in some]
    resources.sort(key=lambda resource: (-resource.usd_per_month, resource.region, resource.kind, resource.id))
    return Found(tuple(resources), {f"{region}, {kind}": why for (region, kind), why in answers.silent.items()})


def remove(account: Account, resources: Iterable[Resource]) -> list[Left]:
    """Remove *resources*, machines first and guards last; answer what could not be removed.

    Killed half-way, nothing is lost: `find` shows the rest, and removing what is gone already is no error.
    """
    resources = list(resources)
    left: list[Left] = []
    for kind in KINDS:
        mine = [resource for resource in resources if resource.kind == kind.name]
        refused = [Left(resource, why) for resource in mine if (why := _remove_one(account, resource))]
        left += refused
        if kind.name == "instance":
            _wait_for_the_end(account, set(mine) - {one.resource for one in refused})
    return left


def _remove_one(account: Account, resource: Resource) -> str:
    """Remove one resource; answer why it is still there, or nothing."""
    kind = KIND_BY_NAME[resource.kind]
    session = account.session
    account.tell(f"Removing {resource}")
    why = ""
    for _ in account.clock.ticks(for_s=RELEASE_WAIT_S, every_s=5.0):
        try:
            with session.translated(f"remove {resource}", region=resource.region):
                kind.remove(session.client(kind.service, region=resource.region), resource.id)
            return ""
        except RigError as error:
            code, why = error.code, error.cause
            if "NotFound" in code or code == "InvalidPlacementGroup.Unknown":
                return ""
            if code not in IN_USE:
                return why
    return why


def _wait_for_the_end(account: Account, instances: set[Resource]) -> None:
    """Until EC2 has let go of disks, addresses and groups, removing them is refused."""
    if not instances:
        return
    account.tell(f"Waiting for {len(instances)} instance(s) to end")
    regions = sorted({resource.region for resource in instances})
    ids = {resource.id for resource in instances}
    for _ in account.clock.ticks(for_s=TERMINATION_WAIT_S, every_s=5.0):
        living = [
            resource for region in regions for resource in KIND_BY_NAME["instance"].resources(account.session, region)
        ]
        if not ids & {resource.id for resource in living}:
            return
