"""What could be rented: every GPU type of the region, its prices, whether MXNet runs on it, what the quota allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.aws.offers import prices
from infra.aws.offers.compatibility import refusal, shipped_wheel
from infra.aws.offers.instance_types import GPU_FAMILIES, InstanceType, machine_types
from infra.aws.offers.prices import Price, SpotPrices
from infra.aws.offers.quota import Quota, family_of, quota_of
from infra.errors import RigError

if TYPE_CHECKING:
    from infra.aws.client.session import Session
    from infra.console import Tell


@dataclass(frozen=True, kw_only=True)
class TypeReport:
    """One type. *on_demand*, *spot* (the cheapest zone's): None where nobody says a price. *refusal*: why it does not
    run here; empty when it does. *quota*, *spot_quota*: None where the kit knows none for its family."""

    machine: InstanceType
    on_demand: Price | None
    spot: Price | None
    refusal: str
    quota: Quota | None
    spot_quota: Quota | None


def survey_types(session: Session, *, gpu_mem: float, gpus: int, tell: Tell) -> list[TypeReport]:
    """Every type with at least *gpus* GPUs of *gpu_mem* GiB: those that run here first, each part cheapest first."""
    wheel = shipped_wheel()
    machines = [one for one in machine_types(session, GPU_FAMILIES) if _is_large_enough(one, gpu_mem, gpus)]
    refused = {one.name: refusal(one, wheel) for one in machines}
    fitting = [one.name for one in machines if not refused[one.name]]
    with ThreadPoolExecutor() as pool:
        listed = pool.submit(_on_demand, session, machines, fitting)
        spot = pool.submit(_spot, session, fitting, tell)
        quotas = pool.submit(_quotas, session, machines)
    reports = [
        TypeReport(
            machine=one,
            on_demand=listed.result().get(one.name),
            spot=_cheapest(spot.result().get(one.name, {})),
            refusal=refused[one.name],
            quota=_quota_for(one, quotas.result(), spot=False),
            spot_quota=_quota_for(one, quotas.result(), spot=True),
        )
        for one in machines
    ]
    return sorted(reports, key=lambda one: (bool(one.refusal), _usd(one), one.machine.name))


def _is_large_enough(machine: InstanceType, gpu_mem: float, gpus: int) -> bool:
    return machine.gpu is not None and machine.gpu.memory_gib >= gpu_mem and max(machine.gpu.count, 1) >= gpus


def _on_demand(session: Session, machines: Sequence[InstanceType], fitting: Sequence[str]) -> dict[str, Price]:
    """AWS's price list is asked for what runs here; of the others the table that ships tells what it knows."""
    asked = prices.on_demand(session, fitting, [session.region])
    shipped = {one.name: prices.shipped_price(one.name, session.region) for one in machines}
    known = {name: price for name, price in shipped.items() if price}
    return {**known, **{name: price for (_, name), price in asked.items()}}


def _spot(session: Session, names: Sequence[str], tell: Tell) -> SpotPrices:
    try:
        return prices.spot(session, names) if names else {}
    except RigError as error:  # not being allowed to look hides one column and no more
        tell(f"No spot prices: {error.cause}")
        return {}


def _cheapest(zones: Mapping[str, Price]) -> Price | None:
    return min(zones.values(), key=lambda price: price.usd_per_hour, default=None)


def _quotas(session: Session, machines: Sequence[InstanceType]) -> dict[tuple[str, bool], Quota | None]:
    """Each quota once, by a letter of its family and whether it is that of spot."""
    first = {family.letters[0]: one for one in machines if (family := family_of(one.name))}
    wanted = [(letter, spot) for letter in first for spot in (False, True)]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda one: quota_of(session, first[one[0]], spot=one[1]), wanted)
        return dict(zip(wanted, found, strict=True))


def _quota_for(machine: InstanceType, quotas: Mapping[tuple[str, bool], Quota | None], *, spot: bool) -> Quota | None:
    family = family_of(machine.name)
    quota = quotas.get((family.letters[0], spot)) if family else None
    return replace(quota, needed=machine.vcpus) if quota else None


def _usd(one: TypeReport) -> float:
    return one.on_demand.usd_per_hour if one.on_demand else float("inf")
