"""A later deadline: planned, agreed to, and moved for every safeguard."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

from infra import budget
from infra.aws.autostop import safeguards
from infra.aws.instances.instance import Instance, find_nodes, write_tags_on_all
from infra.errors import UserError
from infra.guard.safeguard import together
from infra.names import DEADLINE_TAG
from infra.settings import MOST_HOURS
from infra.workflows.context import Rig
from infra.workflows.nodes import on_each


def plan_extension(rig: Rig, instance: Instance, by_hours: float, *, among: Sequence[Instance] = ()) -> Instance:
    """*instance* as it would be with a later deadline; changes nothing. One that has passed, or that cannot be read,
    counts from now; *among* others of its group, the latest of them all counts. Raises UserError for one further away
    than anything is promised for."""
    now = rig.now()
    then = max(one.deadline or now for one in (instance, *among))
    then = max(then, now) + timedelta(hours=by_hours)
    if then - now > timedelta(hours=MOST_HOURS):
        raise UserError(
            f"That would be off by {budget.clock(then)}, and no deadline may be more than {MOST_HOURS:g} hours away.",
            "extend it by less, and again later",
        )
    return dataclasses.replace(instance, tags={**instance.tags, DEADLINE_TAG: budget.tag(then)})


def extend(rig: Rig, nodes: Sequence[Instance], by_hours: float) -> list[Instance]:
    """Move every armed deadline of the running *nodes*, and return them with the new one, which is one for all.

    The tags first, in one call: they are the one truth, and all that safeguard 1 reads.
    """
    later = [plan_extension(rig, one, by_hours, among=nodes) for one in nodes]
    deadline = later[0].deadline
    assert deadline is not None
    write_tags_on_all(rig.session, nodes, {DEADLINE_TAG: budget.tag(deadline)})
    for line in together(on_each(rig, nodes, lambda rig, one: safeguards.move(rig.session, one, deadline))):
        rig.tell(line)
    return later


def resting_beside(rig: Rig, nodes: Sequence[Instance]) -> list[Instance]:
    """What there is of the group of *nodes* besides them."""
    if len(nodes) == nodes[0].nodes:
        return []
    known = {one.id for one in nodes}
    return [one for one in find_nodes(rig.session, rig.name) if one.id not in known]
