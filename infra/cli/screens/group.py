"""What is shown of a rig with several machines: each in a line; money, deadline and safeguards once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra import budget
from infra.cli.screens.instance import UNKNOWN, render_most, render_standing, would
from infra.cli.screens.layout import render_rows
from infra.guard.safeguard import together
from infra.workflows.status import by_group

if TYPE_CHECKING:
    from infra.aws.instances.instance import Instance
    from infra.aws.offers.group_efficiency import Rival
    from infra.workflows.plan import Plan
    from infra.workflows.status import Standing

Rows = list[tuple[str, str]]


def render_standings(found: Sequence[Standing], *, region: str) -> str:
    if not found:
        return f"No rig in {region}: nothing costs money here. (`rig sweep` looks in all regions.)"
    return "\n\n".join(
        render_standing(some[0]) if some[0].instance.nodes == 1 else _render_group(some) for some in by_group(found)
    )


def _render_group(found: Sequence[Standing]) -> str:
    first = found[0].instance
    states = Counter(one.instance.state for one in found)
    spot = " (spot)" if first.spot else ""
    said = ", ".join(f"{count} {state}" for state, count in states.items())
    rows = [(first.name, f"{first.nodes} x {first.type}{spot}  {first.zone}  {said}")]
    rows += [(f"node {one.instance.rank + 1}", _render_node(one.instance)) for one in found]
    there = {one.instance.rank for one in found}
    gone = [str(rank + 1) for rank in range(first.nodes) if rank not in there]
    if gone:
        rows.append((f"node {', '.join(gone)}", "gone! `rig train remote --recover` goes on with a whole group"))
    rows += _money(found)
    guarded = together([one.safeguards for one in found if one.safeguards])
    rows += _label("safeguards", guarded)
    wrong = [f"node {one.instance.rank + 1}: {words}" for one in found for words in one.instance.unreadable]
    return render_rows([*rows, *_label("unreadable", wrong)])


def _label(label: str, lines: Sequence[str]) -> Rows:
    return [("" if number else label, line) for number, line in enumerate(lines)]


def _render_node(instance: Instance) -> str:
    port = "" if instance.port == 22 else f":{instance.port}"
    where = f"  {instance.user}@{instance.address}{port}" if instance.address else ""
    return f"{instance.id}  {instance.state}{where}"


def _money(found: Sequence[Standing]) -> Rows:
    """One figure each: what was spent, what it can come to, what stays while it rests."""
    up, resting = ([one for one in found if bool(one.running_s) is runs] for runs in (True, False))
    rows = _cost_of_running(up) if up else []
    if resting:
        disks = budget.per_month(sum(one.usd_disk_per_month for one in resting))
        rows.append(("disks", f"{would(resting[0])}{disks} while they exist"))
        why = next((one.last_words or one.instance.state_reason for one in resting), "")
        rows += [("why", why)] if why else []
    return rows


def _cost_of_running(up: Sequence[Standing]) -> Rows:
    spent, rate = (budget.total([getattr(one, name) for one in up]) for name in ("usd_spent", "usd_per_hour"))
    told = UNKNOWN if spent is None else f"{would(up[0])}{budget.usd(spent)} since this start"
    rows = [
        ("running", budget.duration(max(one.running_s for one in up))),
        ("cost", told if rate is None else f"{told}, at {budget.rate(rate)} for all {len(up)}"),
    ]
    deadlines = [one.instance.deadline for one in up if one.instance.deadline]
    if deadlines:
        earlier = "" if min(deadlines) == max(deadlines) else f"; the first by {budget.clock(min(deadlines))}"
        worst = render_most(budget.total([one.usd_worst for one in up]))
        rows.append(("at most", f"{would(up[0])}{worst}, off by {budget.clock(max(deadlines))}{earlier}"))
    return rows


def render_group_plan(made: Plan) -> Rows:
    """What a user must know before several machines are paid for: how they stand, and whether they are worth it."""
    machine = made.best.machine
    close, here = made.placements, "wherever machines are free"
    where = (
        here if not any(close) else "close together" if all(close) else f"close together if there is room, else {here}"
    )
    network = f"{machine.network_gbits:g} Gbit/s each at any time"
    rows = [("nodes", f"{made.nodes}, all of them or none, in one zone, {where}; {network}")]
    rows += _label(
        "expect", [f"{share:.0%} of {made.nodes} times the speed at {load}" for load, share in made.expected]
    )
    rows.append(("", "by the formula of docs/groups.md, for steps of 0.1 s; small nets train as fast on one machine"))
    return [*rows, ("instead", _render_rival(made, made.rival))] if made.rival else rows


def _render_rival(made: Plan, one: Rival) -> str:
    gpu = one.machine.gpu
    assert gpu, "a rival has the same GPU"
    less = " and ".join(
        words for is_so, words in ((one.cheaper_per_gpu, "GPU"), (one.cheaper_per_gbit, "Gbit/s of network")) if is_so
    )
    ours = budget.rate(made.best.ceiling.usd_per_hour * made.nodes)
    return (
        f"one {one.machine.name} has {gpu.count} x {gpu.name} with no network between them, and costs less per {less}: "
        f"{budget.rate(one.usd_per_hour)} against {ours}"
    )
