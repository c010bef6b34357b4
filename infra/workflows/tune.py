"""`rig tune remote`: a study on the rig's machines, one trial at a time on each GPU, or each core; it ends in time to
bring its best run home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from infra import budget
from infra.aws.instances.hourly_cost import price_of
from infra.aws.instances.instance import Instance
from infra.errors import UserError
from infra.job.spec import Job, within_minutes
from infra.workflows.context import Rig, running_nodes
from infra.workflows.ensure_image import Show
from infra.workflows.prepare_run import choose
from infra.workflows.train import start_on, take_nodes

# From the study's end until all is home: trials save, results are fetched, the machine stops.
HOME_MINUTES: Final = 5.0


def start_study(rig: Rig, job: Job, minutes: float, show: Show) -> str:
    """Start *job*, which ends after *minutes* (0: when it is through), or earlier where BUDGET or the deadline say so;
    its name. Raises UserError where that leaves no time."""
    chosen, nodes = choose(rig, job), take_nodes(rig, running_nodes(rig))
    limits = {"MINUTES": minutes} if minutes else {}
    limits |= _limits(rig, nodes)
    least = min(limits, key=lambda name: limits[name], default="")
    if least and limits[least] < 1:
        raise UserError(
            f"{least} leaves the study no minute: {HOME_MINUTES:g} are kept for bringing its best run home.",
            "BUDGET=5, or `rig extend --by 2h`",
        )
    if least:
        rig.tell(f"The study ends within {budget.duration(limits[least] * 60)}, for {least} allows no more")
    return start_on(rig, nodes, within_minutes(job, limits[least]) if least else job, chosen, show)


def _limits(rig: Rig, nodes: Sequence[Instance]) -> dict[str, float]:
    """Minutes that are left for trials, by what limits them."""
    now, found = rig.now(), dict[str, float]()
    deadlines = [one.deadline for one in nodes if one.deadline]
    if deadlines:
        found["its deadline"] = (min(deadlines) - now).total_seconds() / 60 - HOME_MINUTES
    price = price_of(rig.session, nodes[0])
    if rig.settings.budget and price:
        found["BUDGET"] = rig.settings.budget / (price.usd_per_hour * len(nodes)) * 60 - HOME_MINUTES
    return found
