"""Which machines this launch may take, best first: the types that were named, or the cheapest that fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.aws.client.regions import enabled_regions, in_each
from infra.aws.offers import prices
from infra.aws.offers.compatibility import Refusal, refusal, refusals, shipped_wheel
from infra.aws.offers.instance_types import GPU_FAMILIES, InstanceType, machine_types, nearest_names, zones_of
from infra.aws.offers.prices import Price, SpotPrices, rates, shipped_prices
from infra.budget import HourlyCost
from infra.errors import TypeRefused

if TYPE_CHECKING:
    from infra.aws.client.session import Session
    from infra.console import Tell
    from infra.settings import Settings

# How many of the types that fit are priced, and how many of those the launch may fall back on.
SHORTLIST = 5
CHEAPEST = 3


@dataclass(frozen=True)
class Offer:
    """A machine that may be launched in *region*.

    *price* is what AWS would charge now; *ceiling* is what it can never exceed: on spot, the on-demand price.
    """

    machine: InstanceType
    region: str
    price: Price
    ceiling: Price
    spot: bool = False

    def __str__(self) -> str:
        return f"{self.machine.name} (spot)" if self.spot else self.machine.name

    @property
    def zones(self) -> tuple[str, ...]:
        """Where it is offered; on spot, the cheapest zone first."""
        return self.machine.zones

    @property
    def on_demand(self) -> Offer:
        """The same machine at the price that spot cannot pass."""
        return replace(self, price=self.ceiling, spot=False)

    def cost(self, disk_gib: int) -> HourlyCost:
        """What it costs with a disk of *disk_gib* and an address; on spot, what it may rise to as well."""
        beside = rates(self.region)
        return HourlyCost(
            usd_instance_per_hour=self.price.usd_per_hour,
            usd_instance_most_per_hour=self.ceiling.usd_per_hour,
            usd_disk_per_month=beside.disk_usd_per_month(disk_gib),
            usd_address_per_hour=beside.address_usd_per_hour,
        )


def find_offers(session: Session, settings: Settings, *, tell: Tell) -> list[Offer]:
    """The machines to try, in order. Raises TypeRefused, which names every type refused and what to take instead."""
    if not settings.gpu_mem:
        return _find_named(session, settings)
    regions = enabled_regions(session) if settings.any_region else [session.region]
    return _find_cheapest(session, settings, regions, tell=tell)


def _find_named(session: Session, settings: Settings) -> list[Offer]:
    names, here = settings.type, session.region
    with ThreadPoolExecutor() as pool:
        machines = pool.submit(machine_types, session, names)
        zones = pool.submit(zones_of, session, names)
        listed = pool.submit(prices.on_demand, session, names, [here])
        spot = pool.submit(prices.spot, session, names) if settings.spot else None
    found = [replace(machine, zones=zones.result().get(machine.name, ())) for machine in machines.result()]
    refused = _list_refusals(session, settings, found, listed.result())
    if refused:
        raise _join_refusals(refused)
    spot_prices = spot.result() if spot else None
    return [_offer(machine, here, listed.result()[here, machine.name], spot_prices) for machine in found]


def _list_refusals(
    session: Session, settings: Settings, found: list[InstanceType], listed: Mapping[tuple[str, str], Price]
) -> list[Refusal]:
    """Everything that is wrong with the named types, so that it is fixed in one go."""
    here = {machine.name for machine in found}
    unknown = [_refuse_unknown(session, name) for name in settings.type if name not in here]
    incompatible = _refuse_incompatible(session, found)
    held = {refusal.name for refusal in incompatible}
    rest = [machine for machine in found if machine.name not in held]
    unpriced = [_refuse_unpriced(machine.name) for machine in rest if (session.region, machine.name) not in listed]
    not_spot = [_refuse_spot(machine.name) for machine in rest if settings.spot and not machine.spot]
    return unknown + incompatible + unpriced + not_spot


def _refuse_unpriced(name: str) -> Refusal:
    reason = f"nobody knows the price of {name}: AWS's price list gave no answer, and the table that ships lacks it"
    return Refusal(name, reason, "a type with a price, or the permission pricing:GetProducts")


def _refuse_spot(name: str) -> Refusal:
    return Refusal(name, f"AWS does not offer {name} as spot", f"{name} on demand (SPOT=0)")


def _refuse_incompatible(session: Session, found: list[InstanceType]) -> list[Refusal]:
    wheel = shipped_wheel()
    if not any(refusal(machine, wheel) for machine in found):
        return []
    # Only a refusal pays for this look-up: the types whose price we know, as this region offers them.
    return refusals(found, machine_types(session, shipped_prices()), usd_by_name())


def _refuse_unknown(session: Session, name: str) -> Refusal:
    near = nearest_names(session, name)
    return Refusal(
        name, f"EC2 offers no type {name} in {session.region}", ", ".join(near) or "a type of another family"
    )


def _join_refusals(refused: Sequence[Refusal]) -> TypeRefused:
    return TypeRefused(
        "; ".join(refusal.reason for refusal in refused) + ". Nothing was started.",
        "\n".join(f"instead of {refusal.name}: {refusal.instead}" for refusal in refused),
    )


def _find_cheapest(session: Session, settings: Settings, regions: Sequence[str], *, tell: Tell) -> list[Offer]:
    answers = in_each(regions, lambda region: _list_fitting(session, settings, region))
    for region, reason in answers.silent.items():
        tell(f"{region} is left out: {reason}")
    fitting = answers.said
    names = _shortlist(fitting)
    if not names:
        raise _nothing_fits(settings, regions)
    listed = prices.on_demand(session, names, list(fitting))
    spot_prices = _spot_prices(session, names, list(fitting)) if settings.spot else None
    priced = [
        _offer(
            machine, region, listed[region, machine.name], None if spot_prices is None else spot_prices.get(region, {})
        )
        for region, machines in fitting.items()
        for machine in machines
        if (region, machine.name) in listed
    ]
    if not priced:
        raise _join_refusals([_refuse_unpriced(name) for name in names])
    best = sorted(priced, key=lambda one: (one.price.usd_per_hour, one.region != session.region, one.region))
    return _add_zones(session, best[:CHEAPEST])


def _shortlist(fitting: Mapping[str, Sequence[InstanceType]]) -> list[str]:
    names = {machine.name for machines in fitting.values() for machine in machines}
    return sorted(names, key=_shipped_usd)[:SHORTLIST]


def _spot_prices(session: Session, names: Sequence[str], regions: Sequence[str]) -> Mapping[str, SpotPrices]:
    return in_each(regions, lambda region: prices.spot(session, names, region=region)).said


def _list_fitting(session: Session, settings: Settings, region: str) -> list[InstanceType]:
    wheel = shipped_wheel()
    return [
        machine
        for machine in machine_types(session, GPU_FAMILIES, region=region)
        if machine.gpu
        and machine.gpu.count >= settings.gpus
        and machine.gpu.memory_gib >= settings.gpu_mem
        and (machine.spot or not settings.spot)
        and not refusal(machine, wheel)
    ]


def _nothing_fits(settings: Settings, regions: Sequence[str]) -> TypeRefused:
    where = regions[0] if len(regions) == 1 else f"any of {len(regions)} regions"
    return TypeRefused(
        f"No type in {where} has {settings.gpus} GPU(s) of {settings.gpu_mem:g} GiB that MXNet can use.",
        "ask for less: GPU_MEM, GPUS" + ("" if settings.any_region else "\nor look in all regions: ANY_REGION=1"),
    )


def _add_zones(session: Session, best: list[Offer]) -> list[Offer]:
    """Add the zones, keeping the order that spot prices have given."""
    with ThreadPoolExecutor() as pool:
        zones = list(pool.map(lambda one: zones_of(session, [one.machine.name], region=one.region), best))
    return [
        one if one.zones else replace(one, machine=replace(one.machine, zones=places.get(one.machine.name, ())))
        for one, places in zip(best, zones, strict=True)
    ]


def _offer(machine: InstanceType, region: str, listed: Price, spot_prices: SpotPrices | None) -> Offer:
    """*listed*: on demand. *spot_prices*: None when spot is not asked for."""
    spot = spot_prices and spot_prices.get(machine.name)
    if not spot:
        return Offer(machine, region, price=listed, ceiling=listed, spot=spot_prices is not None)
    # Unpinned, AWS chooses the zone: promise the dearest of them.
    dearest = max(spot.values(), key=lambda price: price.usd_per_hour)
    usd = {zone: price.usd_per_hour for zone, price in spot.items()}
    order = sorted({*machine.zones, *usd}, key=lambda zone: (usd.get(zone, math.inf), zone))
    return Offer(replace(machine, zones=tuple(order)), region, price=dearest, ceiling=listed, spot=True)


def usd_by_name() -> dict[str, float]:
    return {name: price.usd_per_hour for name, price in shipped_prices().items()}


def _shipped_usd(name: str) -> tuple[float, str]:
    price = shipped_prices().get(name)
    return (price.usd_per_hour if price else math.inf, name)
