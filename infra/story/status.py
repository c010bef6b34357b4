"""What there is, what it costs, and what will end it: asked of AWS, never of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from infra import budget
from infra.aws.console import console_text
from infra.aws.instance import Instance, find_all
from infra.aws.prices import rates
from infra.aws.rings import rings
from infra.errors import AwsFailed, NotAllowed
from infra.guard.record import ending_on_console
from infra.guard.ring import Ring, story
from infra.names import MOST_PRICE_TAG, PRICE_TAG
from infra.story.rig import Rig


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One rig as AWS shows it now. Money in US dollars; *usd_worst* None when nothing more can be spent on running.

    *last_words*: why the guard switched a stopped machine off, as it said on the console.
    """

    instance: Instance
    running_s: float
    usd_per_hour: float
    usd_spent: float
    usd_worst: float | None
    usd_disk_per_month: float
    last_words: str
    rings: tuple[Ring, ...]


def standings(rig: Rig) -> list[Standing]:
    """Every rig of the region, by name: one call for the instances, one for their disks."""
    instances = find_all(rig.session)
    disks = disk_gib(rig, instances)
    return [_standing(rig, instance, disks[instance.id], rig.now()) for instance in instances]


def standing_of(rig: Rig, instance: Instance) -> Standing:
    return _standing(rig, instance, disk_gib(rig, [instance])[instance.id], rig.now())


def disk_gib(rig: Rig, instances: Sequence[Instance]) -> dict[str, int]:
    """GiB of disk by instance id."""
    volumes = [volume for instance in instances for volume in instance.volume_ids]
    sizes: dict[str, int] = {}
    if volumes:
        with rig.session.translated("look up the disks"):
            found = rig.session.client("ec2").describe_volumes(VolumeIds=volumes)["Volumes"]
        sizes = {volume["VolumeId"]: volume["Size"] for volume in found}
    return {one.id: sum(sizes.get(volume, 0) for volume in one.volume_ids) for one in instances}


def _standing(rig: Rig, instance: Instance, gib: int, now: datetime) -> Standing:
    usd_per_hour = float(instance.tags.get(PRICE_TAG, "0"))
    up = instance.state in ("pending", "running", "stopping")
    began = instance.launched_at
    return Standing(
        instance=instance,
        running_s=(now - began).total_seconds() if up else 0.0,
        usd_per_hour=usd_per_hour,
        usd_spent=budget.usd_spent(usd_per_hour, started_at=began, now=now) if up else 0.0,
        usd_worst=worst_of(instance) if up else None,
        usd_disk_per_month=rates(rig.session.region).disk_usd_per_month(gib),
        last_words=_last_words(rig, instance) if instance.state == "stopped" else "",
        rings=(story(rig.settings.after), *rings(rig.session, instance)) if up else (),
    )


def _last_words(rig: Rig, instance: Instance) -> str:
    try:
        said = ending_on_console(console_text(rig.session, instance))
    except (NotAllowed, AwsFailed):
        return ""  # a comfort: the state itself is known without it
    if not said and instance.deadline and rig.now() > instance.deadline:
        return "AWS switched it off after its deadline (ring 2 or 3), or somebody with your permissions did"
    return said


def worst_of(instance: Instance) -> float | None:
    """US dollars from its start to its deadline; None without one."""
    if instance.deadline is None:
        return None
    usd_per_hour = float(instance.tags.get(MOST_PRICE_TAG, instance.tags.get(PRICE_TAG, "0")))
    price = budget.Price(usd_instance_per_hour=usd_per_hour, usd_disk_per_month=0.0, usd_address_per_hour=0.0)
    return budget.usd_worst(price, started_at=instance.launched_at, deadline=instance.deadline)
