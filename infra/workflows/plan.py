"""What `launch` would do, as a value: shown before anything is asked for, and then done as shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from infra import budget
from infra.aws.access.key_pair import local_key, require_same_key
from infra.aws.access.network import reachable_zones
from infra.aws.account.discovery import Existing, discover
from infra.aws.instances.hourly_cost import disks_of
from infra.aws.instances.instance import Instance, find
from infra.aws.instances.placement_group import placements
from infra.aws.offers.group_efficiency import LOADS, Rival, efficiency, rival
from infra.aws.offers.instance_types import machine_types
from infra.aws.offers.offers import Offer, find_offers, usd_by_name
from infra.aws.offers.prices import rates
from infra.aws.offers.quota import Quota, quota_of
from infra.budget import HourlyCost, Promise
from infra.errors import UserError
from infra.settings import Settings
from infra.workflows.context import Rig


@dataclass(frozen=True, kw_only=True)
class Plan:
    """*promises*: the offers, best first, and how long each may run for the money. *existing*: what is in the account.

    *cost* is the best offer's. *quotas*: of each offer that would be a new instance; None where none is known.
    *disk_gib*: as it will be. Cost, promises and quotas are those of all *nodes* together.

    *placements*: whether the best offer's machines are to stand close together, best first. *expected*: of a group, by
    load, the share of its machines' speed that it reaches. *rival*: one machine instead of it. *whole*: where some
    of the group's machines are gone, the others are not started. *idle_minutes*: unused, it is off then; 0: never.
    *in_vain*: the types that were asked for, where the machine that is there is of another. *pretended*: nothing of it
    is paid.
    """

    region: str
    existing: Existing
    promises: Mapping[Offer, Promise]
    cost: HourlyCost
    quotas: Mapping[Offer, Quota | None]
    disk_gib: int
    changes: tuple[str, ...]
    nodes: int = 1
    placements: tuple[bool, ...] = (False,)
    expected: tuple[tuple[str, float], ...] = ()
    rival: Rival | None = None
    whole: bool = True
    idle_minutes: float = Settings.idle
    in_vain: tuple[str, ...] = ()
    pretended: bool = False

    @property
    def offers(self) -> tuple[Offer, ...]:
        return tuple(self.promises)

    @property
    def best(self) -> Offer:
        return self.offers[0]

    @property
    def promise(self) -> Promise:
        """The best offer's."""
        return self.promises[self.best]

    @property
    def dearest(self) -> Offer:
        return max(self.promises, key=lambda offer: self.promises[offer].usd_worst)

    @property
    def usd_worst(self) -> float:
        return self.promises[self.dearest].usd_worst

    @property
    def running(self) -> bool:
        """The rig runs already: no new money is spent, and its deadline stays."""
        there = self.existing.nodes
        return bool(there) and all(one.state in ("pending", "running") for one in there)


def make_plan(rig: Rig) -> Plan:
    """Ask AWS everything a launch needs to know, side by side. Changes nothing.

    Raises TypeRefused, NoCredentials, and UserError for a budget that is too small.
    """
    settings, session, key = rig.settings, rig.session, local_key(rig.key)
    now = rig.now()
    with ThreadPoolExecutor(max_workers=2) as side_by_side:
        there = side_by_side.submit(discover, session, name=rig.name, key=key, os=settings.os, ami=settings.ami)
        offered = side_by_side.submit(find_offers, session, settings, tell=rig.tell)
    found = there.result()
    if found.instance is None:
        offers, disk_gib = _offers_of_new(settings, found, offered.result()), _disk_gib(settings, found)
    else:
        require_same_key(rig.name, key, found.instance)
        _require_same_number(settings, found)
        offers, disk_gib = [_offer_of(rig, found.instance, offered.result())], _size_of_disk(rig, found.instance)
    nodes, best = len(found.nodes) or settings.machines, offers[0]
    costs = {offer: _cost_of_all(offer, disk_gib, nodes) for offer in offers}
    group = nodes > 1
    return Plan(
        region=session.region,
        existing=found,
        promises={offer: _promise(settings, cost, now) for offer, cost in costs.items()},
        cost=costs[best],
        quotas=_ask_quotas(rig, offers, nodes) if found.instance is None else {},
        disk_gib=_disk_gib(settings, found),
        changes=tuple(changes(rig, found, best, costs[best])),
        nodes=nodes,
        placements=placements(best.machine, settings.placement, nodes=nodes),
        expected=tuple((load.name, efficiency(best.machine, nodes, load)) for load in LOADS) if group else (),
        rival=_find_rival(rig, best, nodes) if group and not found.nodes else None,
        idle_minutes=_idle_minutes(settings, found.instance),
        in_vain=_asked_in_vain(settings, found.instance),
        pretended=rig.rehearsing,
    )


def _idle_minutes(settings: Settings, there: Instance | None) -> float:
    """A group that is started again keeps what it was launched with, unless another number is said now."""
    if there and there.nodes > 1 and settings.idle == Settings.idle and there.idle_minutes is not None:
        return there.idle_minutes
    return settings.idle


def _asked_in_vain(settings: Settings, there: Instance | None) -> tuple[str, ...]:
    asked = settings.type if settings.type != Settings.type else ()
    return asked if there and there.type not in asked else ()


def plan_start(rig: Rig) -> Plan:
    """As `make_plan`, for what is there; of a group that has lost machines what is left of it, for what lies on its
    disks. Raises UserError where there is nothing to start."""
    if find(rig.session, rig.name) is None:
        raise UserError(f"There is no instance of the rig {rig.name!r} to start.", "`make launch` rents one")
    return replace(make_plan(rig), whole=False)


def _cost_of_all(offer: Offer, disk_gib: int, nodes: int) -> HourlyCost:
    return offer.cost(disk_gib).of(nodes, usd_alarm_per_month=rates(offer.region).alarm_usd_per_month)


def _require_same_number(settings: Settings, found: Existing) -> None:
    """A rig that is there keeps its number of machines; whoever asks for another must say which rig."""
    there = found.nodes[0].nodes
    if settings.nodes not in (None, there):
        raise UserError(
            f"The rig {settings.name!r} is there already, with {there} machine{'s' if there > 1 else ''}, and "
            f"NODES={settings.nodes} was asked for.",
            "a second rig beside it: NAME=group\nor first `rig terminate`, which brings its results home",
        )


def _find_rival(rig: Rig, best: Offer, nodes: int) -> Rival | None:
    usd = {**usd_by_name(), best.machine.name: best.ceiling.usd_per_hour}
    return rival(best.machine, nodes, machine_types(rig.session, usd), usd)


def _promise(settings: Settings, cost: HourlyCost, now: datetime) -> Promise:
    return budget.promise(cost, hours=settings.hours, usd_budget=settings.budget, now=now)


def _ask_quotas(rig: Rig, offers: Sequence[Offer], nodes: int) -> dict[Offer, Quota | None]:
    with ThreadPoolExecutor(max_workers=8) as side_by_side:
        quotas = side_by_side.map(lambda one: quota_of(rig.session, one.machine, spot=one.spot), offers)
        of_all = [replace(quota, needed=quota.needed * nodes) if quota else None for quota in quotas]
        return dict(zip(offers, of_all, strict=True))


def _offers_of_new(settings: Settings, found: Existing, offered: Sequence[Offer]) -> list[Offer]:
    """*offered*, where the machine can live and be reached; on demand, where that is the fallback, comes last."""
    offers = [_where_reachable(found, offer) for offer in offered]
    fallback = [offer.on_demand for offer in offers] if settings.spot and settings.on_demand_fallback else []
    return offers + fallback


def _where_reachable(found: Existing, offer: Offer) -> Offer:
    """*offer*, in the zones alone where the machine can live and be reached."""
    if found.subnets is None:
        return offer
    zones = reachable_zones(found.subnets, offer.zones, what=offer.machine.name, region=offer.region)
    return replace(offer, machine=replace(offer.machine, zones=zones))


def _disk_gib(settings: Settings, found: Existing) -> int:
    return max(settings.disk_gib, found.image.root_gib if found.image else 0)


def _offer_of(rig: Rig, instance: Instance, offered: Sequence[Offer]) -> Offer:
    """A rig that exists keeps its type, whatever TYPE says now; it costs what AWS says it is now, whatever it was."""
    same = [offer for offer in offered if offer.machine.name == instance.type]
    if not same:
        asked = rig.settings.but(type=(instance.type,), gpu_mem=0.0, spot=instance.spot)
        same = find_offers(rig.session, asked, tell=rig.tell)
    return replace(same[0], spot=True) if instance.spot else same[0].on_demand


def _size_of_disk(rig: Rig, instance: Instance) -> int:
    disk = disks_of(rig.session, [instance]).get(instance.id)
    return disk.gib if disk else 0


def changes(rig: Rig, found: Existing, best: Offer, cost: HourlyCost) -> list[str]:
    """Every change that launch will make to the account, in order; nothing else is touched."""
    steps = []
    if not found.key_known and found.instance is None:  # an instance has its keys inside
        steps.append(f"import the public half of {rig.key} as a key pair (free)")
    if found.group is None:
        steps.append(f"create a security group: SSH from {found.source} only (free)")
    elif {rule[3] for rule in found.group.rules} != {found.source}:
        steps.append(f"let SSH in from {found.source} only, which is where you are now (free)")
    if found.instance is None and rig.settings.machines > 1:
        steps += _group_changes(rig.settings, best)
    return steps + _instance_changes(found.nodes, best, cost, _disk_gib(rig.settings, found), rig.settings.machines)


def _group_changes(settings: Settings, best: Offer) -> list[str]:
    wanted = any(placements(best.machine, settings.placement, nodes=settings.machines))
    close = ["create a placement group, where machines stand close together (free)"] if wanted else []
    return ["let the group's machines speak with each other, on all ports, and nobody else (free)", *close]


def _instance_changes(there: Sequence[Instance], best: Offer, cost: HourlyCost, disk_gib: int, nodes: int) -> list[str]:
    kind = "spot instance" if best.spot else "instance"
    if not there and nodes > 1:
        rate = budget.rate(cost.usd_per_hour)
        return [
            f"launch {nodes} {kind}s {best.machine.name}, all of them or none ({rate} with their disks and addresses)",
            f"each with an encrypted {disk_gib} GiB disk, deleted when it is terminated",
            "arm each one's safeguards, which stop it at the one deadline (alarms: free for the first ten)",
        ]
    if not there:
        return [
            f"launch one {kind} {best.machine.name} ({budget.rate(cost.usd_per_hour)} with its disk and address)",
            f"with an encrypted {disk_gib} GiB disk, deleted when the instance is terminated",
            "arm the safeguards that stop it at its deadline (alarms: free for the first ten)",
        ]
    resting = " ".join(one.id for one in there if one.state in ("stopped", "stopping"))
    if resting:
        return [f"start {resting} ({there[0].type})", "arm its safeguards anew, with a new deadline"]
    return []


def choose_region(rig: Rig) -> Rig:
    """*rig*; with the setting any_region, moved to where the cheapest machine that fits is offered."""
    if not rig.settings.any_region:
        return rig
    best = find_offers(rig.session, rig.settings, tell=rig.tell)[0]
    session = rig.session.elsewhere(best.region)
    return replace(
        rig, session=session, settings=rig.settings.but(any_region=False, type=(best.machine.name,), gpu_mem=0.0)
    )
