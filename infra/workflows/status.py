"""What there is, what it costs, and what will end it: asked of AWS, never of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from infra import budget
from infra.aws.account.cost import UP
from infra.aws.autostop.safeguards import read_each
from infra.aws.instances.console_output import console_text
from infra.aws.instances.hourly_cost import Disk, disks_of, prices_of
from infra.aws.instances.instance import Instance, find_all
from infra.aws.offers.prices import rates
from infra.budget import HourlyCost
from infra.errors import AwsFailed, NotAllowed
from infra.guard.safeguard import Safeguard, after_run
from infra.guard.status import ending_on_console
from infra.workflows.context import Rig


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One rig as AWS shows it now. Money in US dollars; None while it does not run, and where nobody knows the price of
    its type; *usd_worst* also where its deadline cannot be read.

    *pretended*: in a rehearsal, where it would cost that.
    *last_words*: why the guard switched a stopped machine off, as it said on the console.
    """

    instance: Instance
    running_s: float
    usd_per_hour: float | None
    usd_spent: float | None
    usd_worst: float | None
    usd_disk_per_month: float
    last_words: str
    safeguards: tuple[Safeguard, ...]
    pretended: bool = False


def standings(rig: Rig) -> list[Standing]:
    """Every rig of the region, by name: one call for the instances, one for their disks, one for each type's price."""
    return standings_of(rig, find_all(rig.session))


def standings_of(rig: Rig, instances: Sequence[Instance]) -> list[Standing]:
    disks, now = disks_of(rig.session, instances), rig.now()
    prices = prices_of(rig.session, [one for one in instances if one.state in UP], disks)
    guarded = _safeguards(rig, [one for one in instances if one.state in UP])
    return [
        _standing(rig, one, disks.get(one.id), prices.get(one.id), now, guarded.get(one.id, ())) for one in instances
    ]


def by_group(found: Sequence[Standing]) -> list[list[Standing]]:
    """The machines of one group together; a rig of one machine by itself."""
    groups: dict[tuple[str, str], list[Standing]] = {}
    for one in found:
        token = one.instance.token if one.instance.nodes > 1 else one.instance.id
        groups.setdefault((one.instance.name, token), []).append(one)
    return list(groups.values())


def _safeguards(rig: Rig, up: Sequence[Instance]) -> dict[str, tuple[Safeguard, ...]]:
    """By instance id; a group is asked after as one."""
    if not up:
        return {}
    groups: dict[str, list[Instance]] = {}
    for one in up:
        groups.setdefault(one.token if one.nodes > 1 else one.id, []).append(one)
    first = after_run(rig.settings.after)
    return {
        one.id: (first, *three)
        for nodes in groups.values()
        for one, three in zip(nodes, read_each(rig.session, nodes), strict=True)
    }


def _standing(
    rig: Rig,
    instance: Instance,
    disk: Disk | None,
    price: HourlyCost | None,
    now: datetime,
    guarded: tuple[Safeguard, ...],
) -> Standing:
    up, began = instance.state in UP, instance.launched_at
    return Standing(
        instance=instance,
        running_s=(now - began).total_seconds() if up else 0.0,
        usd_per_hour=price.usd_per_hour if price else None,
        usd_spent=budget.usd_spent(price.usd_per_hour, started_at=began, now=now) if price else None,
        usd_worst=worst_of(instance, price),
        usd_disk_per_month=rates(rig.session.region).disk_usd_per_month(disk.gib if disk else 0),
        last_words=_last_words(rig, instance) if instance.state == "stopped" else "",
        safeguards=guarded,
        pretended=rig.rehearsing,
    )


def _last_words(rig: Rig, instance: Instance) -> str:
    try:
        said = ending_on_console(console_text(rig.session, instance))
    except (NotAllowed, AwsFailed):
        return ""  # a comfort: the state itself is known without it
    if not said and instance.deadline and rig.now() > instance.deadline:
        return "AWS switched it off after its deadline (safeguard 2 or 3), or somebody with your permissions did"
    return said


def worst_of(instance: Instance, price: HourlyCost | None) -> float | None:
    """US dollars from its start to its deadline; None where nobody knows the one or the other."""
    if instance.deadline is None or price is None:
        return None
    return budget.usd_worst(price, started_at=instance.launched_at, deadline=instance.deadline)
