"""The commands about the instance: plan, launch, status, start, stop, terminate, extend."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING

from infra.cli import render
from infra.cli.context import open_rig
from infra.cli.hints import show
from infra.cli.prompt import confirm
from infra.console import deliver
from infra.errors import UserError
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.aws.instances.instance import Instance
    from infra.workflows.context import Rig


def plan(options: Namespace, settings: Settings) -> int:
    from infra.workflows.plan import make_plan

    show(render.plan(make_plan(_there(open_rig(settings)))), settings)
    return 0


def launch(options: Namespace, settings: Settings) -> int:
    from infra.workflows import launch as story
    from infra.workflows.plan import make_plan

    rig = _there(open_rig(settings))
    plan = make_plan(rig)
    rig.tell(render.plan(plan))
    if options.dry_run:
        story.dry_run(rig, plan)
        deliver("\nAWS would permit it. Nothing was made.")
        return 0
    if not (options.yes or rig.rehearsing or plan.running):
        confirm(
            f"Go ahead? This launch can cost {render.usd(plan.usd_worst)} at most.",
            otherwise="Nothing was made.",
            beforehand="`rig launch --yes` does not ask",
        )
    instance, facts = story.launch(rig, plan)
    show(render.ready(instance, facts, pretended=rig.rehearsing), settings)
    return 0


def _there(rig: Rig) -> Rig:
    """With any_region, the rig in the region where its cheapest machine is."""
    if not rig.settings.any_region:
        return rig
    from infra.workflows.plan import in_cheapest_region

    return in_cheapest_region(rig)


def status(options: Namespace, settings: Settings) -> int:
    from infra.workflows.status import standings

    rig = open_rig(settings)
    found = standings(rig)
    if options.json:
        deliver(json.dumps([render.standing_json(one) for one in found], indent=2))
    else:
        show(render.standings(found, region=rig.session.region), settings)
    return 0


def start(options: Namespace, settings: Settings) -> int:
    """The same road as launch, for what is there already."""
    from infra.aws.instances.instance import find

    rig = open_rig(settings)
    if find(rig.session, rig.name) is None:
        raise UserError(f"There is no instance of the rig {rig.name!r} to start.", "`make launch` rents one")
    return launch(options, settings)


def stop(options: Namespace, settings: Settings) -> int:
    from infra.workflows import stop

    show(render.stopped(stop.stopped(open_rig(settings))), settings)
    return 0


def terminate(options: Namespace, settings: Settings) -> int:
    from infra.workflows import stop

    for thing in stop.terminate(open_rig(settings), lose_results=options.lose_results):
        deliver(f"removed: {thing}")
    return 0


def extend(options: Namespace, settings: Settings) -> int:
    from infra import budget
    from infra.workflows import stop
    from infra.workflows.context import running_instance
    from infra.workflows.status import standing_of

    by_hours = budget.hours_in(options.time or options.by)
    rig = open_rig(settings)
    instance = running_instance(rig)
    later = stop.extended(rig, instance, by_hours)
    if not (options.yes or rig.rehearsing):
        _agree(rig, instance, later)
    standing = standing_of(rig, stop.extend(rig, instance, by_hours))
    show(render.standings([standing], region=rig.session.region), settings)
    return 0


def _agree(rig: Rig, instance: Instance, later: Instance) -> None:
    """Ask whether *instance* may run as long as *later* says; beyond a week twice."""
    from infra import budget
    from infra.settings import ASKED_TWICE_HOURS
    from infra.workflows.status import standings_of

    assert later.deadline is not None
    before, then = (render.most(one.usd_worst) for one in standings_of(rig, [instance, later]))
    refused = {"otherwise": "The deadline stays as it is.", "beforehand": "`rig extend --yes` does not ask"}
    confirm(f"The most it can cost rises from {before} to {then}. Go ahead?", **refused)
    days = (later.deadline - rig.now()).total_seconds() / 86400
    if days * 24 > ASKED_TWICE_HOURS:
        off_by = budget.clock(later.deadline)
        confirm(f"That is off by {off_by} only, {days:.0f} days from now. Really?", **refused)
