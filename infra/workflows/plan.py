"""What `launch` would do, as a value: shown before anything is asked for, and then done as shown."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from infra import budget
from infra.aws.access.key_pair import local_key, require_same_key
from infra.aws.access.network import reachable_zones
from infra.aws.account.discovery import Existing, discover
from infra.aws.instances.hourly_cost import disks_of
from infra.aws.instances.instance import Instance
from infra.aws.instances.launch_request import Offer
from infra.aws.offers.offers import Candidate, candidates
from infra.aws.offers.prices import rates
from infra.aws.offers.quota import Quota, quota_of
from infra.budget import HourlyCost, Promise
from infra.names import DEADLINE_TAG, HOME_TAG, STARTED_TAG
from infra.settings import Settings
from infra.workflows.context import Rig


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One type the launch may take, what it costs, and how long it may run for the money."""

    candidate: Candidate
    price: HourlyCost
    promise: Promise
    quota: Quota | None
    spot: bool

    @property
    def offer(self) -> Offer:
        return Offer(
            type=self.candidate.machine.name,
            zones=self.candidate.zones,
            spot=self.spot,
            tags={DEADLINE_TAG: budget.tag(self.promise.deadline), STARTED_TAG: "launch", HOME_TAG: "launch"},
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """*choices*, best first. *existing*: what is in the account already. *disk_gib*: as it will be."""

    region: str
    existing: Existing
    choices: tuple[Choice, ...]
    disk_gib: int
    changes: tuple[str, ...]

    @property
    def best(self) -> Choice:
        return self.choices[0]

    @property
    def dearest(self) -> Choice:
        return max(self.choices, key=lambda choice: choice.promise.usd_worst)

    @property
    def usd_worst(self) -> float:
        return self.dearest.promise.usd_worst

    @property
    def running(self) -> bool:
        """The rig runs already: no new money is spent, and its deadline stays."""
        return self.existing.instance is not None and self.existing.instance.state in ("pending", "running")


def make_plan(rig: Rig) -> Plan:
    """Ask AWS everything a launch needs to know, side by side. Changes nothing.

    Raises TypeRefused, NoCredentials, and UserError for a budget that is too small.
    """
    settings, session, key = rig.settings, rig.session, local_key(rig.key)
    now = rig.now()
    with ThreadPoolExecutor(max_workers=2) as side_by_side:
        there = side_by_side.submit(discover, session, name=rig.name, key=key, os=settings.os, ami=settings.ami)
        machines = side_by_side.submit(candidates, session, settings, tell=rig.tell)
    found = there.result()
    if found.instance is None:
        choices = _new(rig, found, machines.result(), now)
    else:
        require_same_key(rig.name, key, found.instance)
        choices = _as_it_is(rig, found.instance, machines.result(), now)
    return Plan(
        region=session.region,
        existing=found,
        choices=choices,
        disk_gib=_disk_gib(settings, found),
        changes=tuple(changes(rig, found, choices[0])),
    )


def _new(rig: Rig, found: Existing, machines: Sequence[Candidate], now: datetime) -> tuple[Choice, ...]:
    offered = _spot_then_on_demand(rig.settings, _reachable(found, machines))
    with ThreadPoolExecutor(max_workers=8) as side_by_side:
        quotas = list(side_by_side.map(lambda one: quota_of(rig.session, one[0].machine, spot=one[1]), offered))
    gib = _disk_gib(rig.settings, found)
    return tuple(
        _choice(rig.settings, candidate, spot, price_of(candidate, spot=spot, disk_gib=gib), quota, now)
        for (candidate, spot), quota in zip(offered, quotas, strict=True)
    )


def _reachable(found: Existing, machines: Sequence[Candidate]) -> list[Candidate]:
    """*machines*, each in the zones alone where it can live and be reached."""
    if found.subnets is None:
        return list(machines)
    places = [reachable_zones(found.subnets, one.zones, what=one.machine.name, region=one.region) for one in machines]
    return [
        replace(one, machine=replace(one.machine, zones=zones)) for one, zones in zip(machines, places, strict=True)
    ]


def _disk_gib(settings: Settings, found: Existing) -> int:
    return max(settings.disk_gib, found.image.root_gib if found.image else 0)


def _spot_then_on_demand(settings: Settings, found: Sequence[Candidate]) -> list[tuple[Candidate, bool]]:
    offered = [(candidate, settings.spot) for candidate in found]
    if settings.spot and settings.on_demand_fallback:
        offered += [(candidate, False) for candidate in found]
    return offered


def _as_it_is(rig: Rig, instance: Instance, machines: Sequence[Candidate], now: datetime) -> tuple[Choice, ...]:
    """A rig that exists keeps its type, whatever TYPE says now; it costs what AWS says it is now, whatever it was."""
    same = [candidate for candidate in machines if candidate.machine.name == instance.type]
    if not same:
        asked = replace(rig.settings, type=(instance.type,), gpu_mem=0.0, spot=instance.spot)
        same = candidates(rig.session, asked, tell=rig.tell)
    disk = disks_of(rig.session, [instance]).get(instance.id)
    price = price_of(same[0], spot=instance.spot, disk_gib=disk.gib if disk else 0)
    return (_choice(rig.settings, same[0], instance.spot, price, None, now),)


def price_of(candidate: Candidate, *, spot: bool, disk_gib: int) -> HourlyCost:
    """What *candidate* costs with its disk and address; on spot, what it may rise to as well."""
    beside = rates(candidate.region)
    ceiling = candidate.ceiling.usd_per_hour
    return HourlyCost(
        usd_instance_per_hour=candidate.price.usd_per_hour if spot else ceiling,
        usd_instance_most_per_hour=ceiling,
        usd_disk_per_month=beside.disk_usd_per_month(disk_gib),
        usd_address_per_hour=beside.address_usd_per_hour,
    )


def _choice(
    settings: Settings, candidate: Candidate, spot: bool, price: HourlyCost, quota: Quota | None, now: datetime
) -> Choice:
    promise = budget.promise(price, hours=settings.hours, usd_budget=settings.budget, now=now)
    return Choice(candidate=candidate, price=price, promise=promise, quota=quota, spot=spot)


def changes(rig: Rig, found: Existing, best: Choice) -> list[str]:
    """Every change that launch will make to the account, in order; nothing else is touched."""
    steps = []
    if not found.key_known and found.instance is None:  # an instance has its keys inside
        steps.append(f"import the public half of {rig.key} as a key pair (free)")
    if found.group is None:
        steps.append(f"create a security group: SSH from {found.source} only (free)")
    elif {rule[3] for rule in found.group.rules} != {found.source}:
        steps.append(f"let SSH in from {found.source} only, which is where you are now (free)")
    steps += _instance_changes(found.instance, best, _disk_gib(rig.settings, found))
    return steps


def _instance_changes(instance: Instance | None, best: Choice, disk_gib: int) -> list[str]:
    if instance is None:
        kind = "spot instance" if best.spot else "instance"
        return [
            f"launch one {kind} {best.candidate.machine.name} "
            f"({budget.rate(best.price.usd_per_hour)} with its disk and address)",
            f"with an encrypted {disk_gib} GiB disk, deleted when the instance is terminated",
            "arm the safeguards that stop it at its deadline (alarms: free for the first ten)",
        ]
    if instance.state in ("stopped", "stopping"):
        return [f"start {instance.id} ({instance.type})", "arm its safeguards anew, with a new deadline"]
    return []


def choose_region(rig: Rig) -> Rig:
    """*rig*; with the setting any_region, moved to where the cheapest machine that fits is offered."""
    if not rig.settings.any_region:
        return rig
    best = candidates(rig.session, rig.settings, tell=rig.tell)[0]
    session = rig.session.elsewhere(best.region)
    return replace(
        rig, session=session, settings=replace(rig.settings, any_region=False, type=(best.machine.name,), gpu_mem=0.0)
    )
