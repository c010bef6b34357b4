"""The screen of `rig types`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.cli.screens.layout import render_columns

if TYPE_CHECKING:
    from infra.aws.offers.prices import Price
    from infra.aws.offers.quota import Quota
    from infra.aws.offers.survey import TypeReport

_NUMBERS = ("GPU GiB", "VCPU", "RAM GiB", "$/H", "SPOT")
_HEAD = ("TYPE", "GPU", *_NUMBERS, "QUOTA")
_FITS = {True: "yes", False: "too small", None: "unknown"}


def render_types(found: Sequence[TypeReport], *, region: str) -> str:
    """What runs here, cheapest first; then what does not, and why; then the quotas."""
    runs = [one for one in found if not one.refusal]
    if not found:
        return f"No type in {region} has GPUs as large as that: ask for less (GPU_MEM, GPUS)."
    table = render_columns(_HEAD, [_row(one) for one in runs], numbers=_NUMBERS)
    parts = [table if runs else f"None of them runs here, in {region}."]
    if len(runs) < len(found):
        parts.append("do not run here:\n" + "\n".join(_refusals(found)))
    quotas = dict.fromkeys(_sentence(quota) for one in runs for quota in (one.quota, one.spot_quota) if quota)
    if quotas:
        parts.append(f"vCPUs you may run in {region}:\n" + "\n".join(quotas))
    fits = "QUOTA: whether one fits in now, on demand. `rig plan --type NAME` tells all that it costs."
    parts.append(f"{_source(runs)}. {fits}")
    return "\n\n".join(parts)


def _row(one: TypeReport) -> list[str]:
    machine, gpu = one.machine, one.machine.gpu
    assert gpu is not None
    return [
        machine.name,
        f"{gpu.count} x {gpu.name}",
        f"{gpu.memory_gib:g}",
        str(machine.vcpus),
        f"{machine.memory_gib:g}",
        _price(one.on_demand),
        _price(one.spot) if machine.spot else "none",
        _FITS[one.quota.enough] if one.quota else "unknown",
    ]


def _price(price: Price | None) -> str:
    return "-" if price is None else f"{'~' if price.estimate else ''}{price.usd_per_hour:.3f}"


def _refusals(found: Sequence[TypeReport]) -> list[str]:
    """For each reason the types, and below them what it is."""
    reasons: dict[str, list[str]] = {}
    for one in found:
        if one.refusal:
            reasons.setdefault(one.refusal.removeprefix(f"{one.machine.name} "), []).append(one.machine.name)
    return [f"  {', '.join(names)}\n    {reason}" for reason, names in reasons.items()]


def _sentence(quota: Quota) -> str:
    granted, used = ("unknown" if n is None else f"{n:g}" for n in (quota.granted, quota.in_use))
    return f"  {quota.name}: {granted} granted, {used} in use"


def _source(runs: Sequence[TypeReport]) -> str:
    known = [one.on_demand for one in runs if one.on_demand]
    sources = dict.fromkeys(f"{price.source}, {price.as_of.isoformat()}" for price in known)
    return f"Prices: {'; '.join(sources) or 'nobody says them'}"
