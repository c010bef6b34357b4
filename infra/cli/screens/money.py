"""The screens of the group "money"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import budget
from infra.cli.screens.group import render_group_plan
from infra.cli.screens.instance import NO_DEADLINE
from infra.cli.screens.layout import render_columns, render_rows

if TYPE_CHECKING:
    from infra.aws.account.sweep import Found
    from infra.aws.instances.instance import Instance
    from infra.aws.offers.offers import Offer
    from infra.aws.offers.quota import Quota
    from infra.workflows.cost import Costs
    from infra.workflows.plan import Plan


def render_plan(made: Plan) -> str:
    """What it costs, at most, until when; then what would be launched, and every change to the account."""
    best, quota = made.best, made.quotas.get(made.best)
    there, image = made.existing.instance, made.existing.image
    rows = [("price", _render_price(made)), *([("", "a rehearsal: nothing of it is paid")] if made.pretended else [])]
    rows += _limits_of(there) if there and made.running else _promise_of(made)
    for number, offer in enumerate(made.offers):
        rows.append(("type" if not number else "  or", _render_offer(offer)))
    rows += [("", _render_in_vain(made))] if made.in_vain else []
    rows += render_group_plan(made) if made.nodes > 1 else []
    rows += [
        ("where", f"{made.region}: {', '.join(zone.removeprefix(made.region) for zone in best.zones)}"),
        *([("quota", _render_quota(quota))] if quota else []),
        *([("image", f"{image.name} ({image.id})")] if image else []),
        *(("rig", f"{one.id}, {one.state}") for one in made.existing.nodes),
    ]
    steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(made.changes, 1))
    return f"{render_rows(rows)}\n\nChanges to your account:\n{steps or '  none: it runs already'}"


def _promise_of(made: Plan) -> list[tuple[str, str]]:
    promise = made.promise
    return [
        ("at most", f"{budget.usd(made.usd_worst)}{_why_dearer(made)}: {budget.INCLUDED}"),
        ("", f"not included: {budget.NOT_INCLUDED}"),
        ("off by", f"{budget.clock(promise.deadline)}, set by {promise.limit}"),
        *([] if made.idle_minutes else [("", "IDLE=0: used or not, it costs until then, or until `rig stop`")]),
    ]


def _render_price(made: Plan) -> str:
    if made.nodes == 1:
        return f"{budget.rate(made.cost.usd_per_hour)} with its disk and address; {made.best.price}"
    whose = f"for all {made.nodes} with their disks and addresses; each {made.best.price}"
    return f"{budget.rate(made.cost.usd_per_hour)} {whose}"


def _render_in_vain(made: Plan) -> str:
    asked = ",".join(made.in_vain)
    beside = f"`rig launch --name second --type {asked}`"
    return f"TYPE={asked} is for a new machine: `rig terminate` first, or a second one beside it: {beside}"


def _limits_of(instance: Instance) -> list[tuple[str, str]]:
    """What was asked for at its start holds; what is asked for now changes nothing of it, and that must be said."""
    off_by = f"{budget.clock(instance.deadline)}, as it was launched" if instance.deadline else NO_DEADLINE
    return [
        ("off by", off_by),
        ("", "HOURS and BUDGET count at a start, not now: `rig extend --by 2h` moves the deadline"),
    ]


def _why_dearer(made: Plan) -> str:
    """The most is that of the dearest offer at its full price, which the price line may not show."""
    dearest = made.dearest
    if dearest.machine != made.best.machine:
        return f" (if it becomes {dearest.machine.name})"
    return " (at the full price, which spot cannot pass)" if dearest.spot else ""


def _render_quota(quota: Quota) -> str:
    return f"{quota}{'; TOO SMALL: `rig doctor` says how to ask for more' if quota.enough is False else ''}"


def _render_offer(offer: Offer) -> str:
    return f"{offer.machine}{', spot' if offer.spot else ''}"


def render_costs(found: Costs, *, pretended: bool) -> str:
    parts = [_render_instance_costs(found, "WOULD BE" if pretended else "SUM")]
    parts += dict.fromkeys(f"{one.name}: {one.how}" for one in found.instances)
    parts += [f"{line}, {'would be ' if pretended else ''}${usd:.2f}" for line, usd in _sums_of_groups(found)]
    if found.runs:
        rows = [[one.run, one.instance_type or "this computer", f"{one.seconds:.0f} s", one.said] for one in found.runs]
        parts += ["", render_columns(["RUN", "ON", "TIME", "COST"], rows, numbers=["TIME", "COST"])]
    return "\n".join([*parts, "", "Computed from list prices and records; AWS's bill is the truth, a day later."])


def _render_instance_costs(found: Costs, together: str) -> str:
    if not found.instances:
        return "No instance of the kit in this region."
    dollars = ["RUNNING", "STOPPED", together]
    rows = [
        [one.name, one.id, one.type, one.state, *(f"${usd:.2f}" for usd in (one.usd_running, one.usd_stopped, one.usd))]
        for one in found.instances
    ]
    return render_columns(["RIG", "INSTANCE", "TYPE", "STATE", *dollars], rows, numbers=dollars)


def _sums_of_groups(found: Costs) -> list[tuple[str, float]]:
    """One figure for each rig of several machines."""
    sums: dict[str, list[float]] = {}
    for one in found.instances:
        sums.setdefault(one.name, []).append(one.usd)
    return [(f"{name}: {len(each)} machines together", sum(each)) for name, each in sums.items() if len(each) > 1]


def render_sweep(found: Found) -> str:
    lines = [f"{region}: nobody could look: {why}" for region, why in found.unseen.items()]
    if not found.resources:
        return "\n".join([*lines, "Nothing of the kit in any region that could be looked at: nothing costs money."])
    rows = [[one.kind, one.id, one.region, one.name, one.note, f"${one.usd_per_month:.2f}"] for one in found.resources]
    table = render_columns(["KIND", "ID", "REGION", "RIG", "NOTE", "PER MONTH"], rows, numbers=["PER MONTH"])
    return "\n".join(
        [*lines, table, "", f"together {budget.per_month(found.usd_per_month)}; `rig sweep --delete` removes it"]
    )
