"""The verbs about the instance: plan, launch, status, start, stop, terminate, extend."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from infra.cli import screens
from infra.cli.open import open_rig
from infra.errors import UserError
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.story.plan import Plan
    from infra.story.rig import Rig


def plan(options: Namespace, settings: Settings) -> int:
    from infra.story.plan import make_plan

    print(screens.plan(make_plan(_there(open_rig(settings)))))
    return 0


def launch(options: Namespace, settings: Settings) -> int:
    from infra.story import launch as story
    from infra.story.plan import make_plan

    rig = _there(open_rig(settings))
    plan = make_plan(rig)
    print(screens.plan(plan), file=sys.stderr)
    if options.dry_run:
        story.dry_run(rig, plan)
        print("\nAWS would permit it. Nothing was made.")
        return 0
    _confirm(options, rig, plan)
    instance, facts = story.launch(rig, plan)
    print(screens.ready(instance, facts))
    return 0


def _there(rig: Rig) -> Rig:
    """With any_region, the rig in the region where its cheapest machine is."""
    if not rig.settings.any_region:
        return rig
    from infra.story.plan import in_cheapest_region

    return in_cheapest_region(rig)


def _confirm(options: Namespace, rig: Rig, plan: Plan) -> None:
    """Ask before money is spent; a pipe and a rehearsal are not asked, and `yes` answers beforehand."""
    if options.yes or rig.rehearsing or not plan.changes or not sys.stdin.isatty():
        return
    print(f"\nGo ahead? This launch can cost {screens.usd(plan.usd_worst)} at most. [y/N] ", end="", file=sys.stderr)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UserError("Nothing was made.", "`rig launch --yes` does not ask")


def status(options: Namespace, settings: Settings) -> int:
    from infra.story.status import standings

    rig = open_rig(settings)
    found = standings(rig)
    if options.json:
        print(json.dumps([screens.standing_json(one) for one in found], indent=2))
    else:
        print(screens.standings(found, region=rig.session.region))
    return 0


def start(options: Namespace, settings: Settings) -> int:
    """The same road as launch, for what is there already."""
    from infra.aws.instance import find

    rig = open_rig(settings)
    if find(rig.session, rig.name) is None:
        raise UserError(f"There is no instance of the rig {rig.name!r} to start.", "`make launch` rents one")
    return launch(options, settings)


def stop(options: Namespace, settings: Settings) -> int:
    from infra.story import power

    print(screens.stopped(power.stopped(open_rig(settings))))
    return 0


def terminate(options: Namespace, settings: Settings) -> int:
    from infra.story import power

    for thing in power.terminate(open_rig(settings), lose_results=options.lose_results):
        print(f"removed: {thing}")
    return 0


def extend(options: Namespace, settings: Settings) -> int:
    from infra import budget
    from infra.story import power
    from infra.story.status import standing_of

    rig = open_rig(settings)
    print(
        screens.standings(
            [standing_of(rig, power.extend(rig, budget.hours_in(options.time or options.by)))],
            region=rig.session.region,
        )
    )
    return 0
