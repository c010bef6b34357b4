"""The screens of the group "the instance"."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from infra import budget
from infra.cli.screens.layout import render_rows
from infra.guard.status import endings

if TYPE_CHECKING:
    from infra.aws.account.bake_ami import BakedImage
    from infra.guard.safeguard import Safeguard
    from infra.workflows.launch import Ready
    from infra.workflows.status import Standing


NO_DEADLINE: Final = "no deadline that can be read! `rig extend --by 1h` writes one"
UNKNOWN: Final = "unknown, for nobody knows the price of this type"


def render_ready(nodes: Sequence[Ready], *, pretended: bool) -> str:
    gpu = ", ".join(nodes[0].facts.gpus) or ("none: it is a rehearsal" if pretended else "none")
    off_by, several = nodes[0].instance.deadline, len(nodes) > 1
    rows = [
        *(row for one in nodes for row in _ready_rows(one)),
        ("GPU", f"{gpu}, in each" if several and nodes[0].facts.gpus else gpu),
        ("off by", budget.clock(off_by) if off_by else NO_DEADLINE),
        (
            "next",
            f"`make train remote JOB=turbofan NODES={len(nodes)}`" if several else "`make train remote JOB=lenet`",
        ),
    ]
    return render_rows(rows)


def _ready_rows(one: Ready) -> list[tuple[str, str]]:
    instance, last = one.instance, endings(one.facts.ended)
    port = "" if instance.nodes == 1 or instance.port == 22 else f":{instance.port}"
    label = "ready" if instance.nodes == 1 else f"node {instance.rank + 1}"
    rows = [(label, f"{instance.id} ({instance.type}, {instance.zone}) at {instance.address}{port}")]
    return [*rows, ("last time", str(last[0]))] if last else rows


def render_standing(one: Standing) -> str:
    instance = one.instance
    rows = [
        (
            instance.name,
            f"{instance.id}  {instance.type}{' (spot)' if instance.spot else ''}  {instance.zone}  {instance.state}",
        )
    ]
    if one.running_s:
        rows += [
            ("address", f"{instance.user}@{instance.address}" + ("" if instance.port == 22 else f":{instance.port}")),
            ("running", budget.duration(one.running_s)),
            ("cost", render_spent(one)),
        ]
        if instance.deadline:
            rows.append(
                ("at most", f"{would(one)}{render_most(one.usd_worst)}, off by {budget.clock(instance.deadline)}")
            )
        rows += [("" if number else "safeguards", str(safeguard)) for number, safeguard in enumerate(one.safeguards)]
    else:
        rows.append(("cost", f"{would(one)}{budget.per_month(one.usd_disk_per_month)} for its disk while it exists"))
        why = one.last_words or instance.state_reason
        if why:
            rows.append(("why", why))
    rows += [("unreadable" if not number else "", said) for number, said in enumerate(instance.unreadable)]
    return render_rows(rows)


def render_most(usd_worst: float | None) -> str:
    return UNKNOWN if usd_worst is None else budget.usd(usd_worst)


def render_spent(one: Standing) -> str:
    if one.usd_spent is None or one.usd_per_hour is None:
        return UNKNOWN
    return f"{would(one)}{budget.usd(one.usd_spent)} since this start, at {budget.rate(one.usd_per_hour)}"


def would(one: Standing) -> str:
    """Before each figure of a rehearsal, which costs nothing."""
    return "would be " if one.pretended else ""


def render_stop(found: Sequence[Standing]) -> str:
    left = [one for one in found if not one.instance.ended]
    gone = " and ".join(one.instance.node for one in found if one.instance.ended)
    lost = f"Terminated meanwhile, by somebody or by AWS, and its disk with it: {gone}." if gone else ""
    return "\n".join(filter(None, [_render_resting(left) if left else "", lost]))


def _render_resting(found: Sequence[Standing]) -> str:
    one = found[0]
    if len(found) > 1:
        ids, usd = " ".join(each.instance.id for each in found), sum(each.usd_disk_per_month for each in found)
        return (
            f"{ids} are {one.instance.state}. Their disks {'would ' if one.pretended else ''}still cost "
            f"{budget.per_month(usd)}; "
            "`make start` brings them back, `make terminate` deletes them."
        )
    return (
        f"{one.instance.id} is {one.instance.state}. Its disk {'would still cost' if one.pretended else 'still costs'} "
        f"{budget.per_month(one.usd_disk_per_month)}; "
        "`make start` brings it back, `make terminate` deletes it."
    )


def render_bake(baked: BakedImage) -> str:
    return (
        f"Its snapshot costs {budget.per_month(baked.usd_per_month)} at most while it exists; `rig sweep` shows it.\n"
        f'The next launch is ready at boot with: `rig launch --ami {baked.id}`  (or ami = "{baked.id}" in rig.toml)'
    )


def standing_json(one: Standing) -> dict[str, Any]:
    instance = one.instance
    return {
        "name": instance.name,
        "node": instance.rank + 1,
        "nodes": instance.nodes,
        "id": instance.id,
        "type": instance.type,
        "state": instance.state,
        "zone": instance.zone,
        "address": instance.address,
        "port": instance.port,
        "spot": instance.spot,
        "launched_at": instance.launched_at.isoformat(),
        "deadline": instance.deadline.isoformat() if instance.deadline else None,
        "running_s": round(one.running_s),
        "usd_per_hour": one.usd_per_hour,
        "usd_spent": None if one.usd_spent is None else round(one.usd_spent, 4),
        "usd_worst": one.usd_worst,
        "usd_disk_per_month": one.usd_disk_per_month,
        "pretended": one.pretended,
        "last_words": one.last_words,
        "unreadable": instance.unreadable,
        "safeguards": [_safeguard_json(safeguard) for safeguard in one.safeguards],
    }


def _safeguard_json(safeguard: Safeguard) -> dict[str, Any]:
    fires_at = safeguard.fires_at.isoformat() if safeguard.fires_at else None
    return {**dataclasses.asdict(safeguard), "name": safeguard.name, "fires_at": fires_at}
