"""The group "the instance": launch, status, start, stop, terminate, image, bake."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Final

from infra.cli.arguments import Group, Option
from infra.cli.options import ASKS_NOTHING, DRY_RUN, FIND_IT, JSON, LIMITS, MACHINE, WHERE_AM_I, YES
from infra.console import deliver
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.workflows.context import Rig
    from infra.workflows.plan import Plan

GROUP: Final = Group("the instance")


@GROUP.command(
    help="rent an instance, or start the stopped one, and make it ready",
    options=(DRY_RUN, YES),
    settings=(*WHERE_AM_I, *MACHINE, *LIMITS, "bucket"),
    examples=(
        ("rig launch --budget 5", "off before $5 are spent, whatever happens"),
        ("rig launch --gpu-mem 16 --spot", "the cheapest type with 16 GiB of GPU memory, of spare capacity"),
    ),
)
def launch(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.workflows.plan import choose_region, make_plan

    rig = choose_region(open_rig(settings))
    return _carry_out(options, rig, make_plan(rig))


def _carry_out(options: Namespace, rig: Rig, plan: Plan) -> int:
    from infra import budget
    from infra.cli.hints import show
    from infra.cli.prompt import confirm
    from infra.cli.screens.instance import render_ready
    from infra.cli.screens.money import render_plan
    from infra.workflows.launch import dry_run, launch

    settings = rig.settings
    rig.tell(render_plan(plan))
    if options.dry_run:
        dry_run(rig, plan)
        show("\nAWS would permit it. Nothing was made.", settings)
        return 0
    if not (options.yes or rig.rehearsing or plan.running):
        confirm(
            f"Go ahead? This launch can cost {budget.usd(plan.usd_worst)} at most.",
            otherwise="Nothing was made.",
            beforehand="`rig launch --yes` does not ask",
        )
    show(render_ready(launch(rig, plan), pretended=rig.rehearsing), settings)
    return 0


@GROUP.command(
    help="every rig in the region: state, cost so far, and what will stop it",
    options=(JSON,),
    settings=(*FIND_IT, "after"),
    examples=(
        ("rig status", "every rig of the region"),
        ("rig status --json", "for scripts"),
    ),
)
def status(options: Namespace, settings: Settings) -> int:
    import json

    from infra.cli.context import open_rig
    from infra.cli.hints import show
    from infra.cli.screens.group import render_standings
    from infra.cli.screens.instance import standing_json
    from infra.workflows.status import standings

    rig = open_rig(settings)
    found = standings(rig)
    if options.json:
        deliver(json.dumps([standing_json(one) for one in found], indent=2))
    else:
        show(render_standings(found, region=rig.session.region), settings)
    return 0


@GROUP.command(
    help="start the stopped instance, with a new deadline",
    options=(DRY_RUN, YES),
    settings=(*WHERE_AM_I, *LIMITS),
    needed=(*WHERE_AM_I, *MACHINE, *LIMITS, "bucket"),  # it goes launch's way
    examples=(
        ("rig start", "with the disk as it was left"),
        ("rig start --hours 2", "off again after 2 h"),
    ),
)
def start(options: Namespace, settings: Settings) -> int:
    """The same road as launch, for what is there already."""
    from infra.cli.context import open_rig
    from infra.workflows.plan import plan_start

    rig = open_rig(settings)
    return _carry_out(options, rig, plan_start(rig))


@GROUP.command(
    help="bring results home, then stop; the disk stays, and what it costs is said",
    options=(ASKS_NOTHING,),
    settings=WHERE_AM_I,
    needed=FIND_IT,  # without the key nothing comes home, and the bill ends all the same
    examples=(
        ("rig stop", "results first; then only the disk costs"),
        ("rig stop --name second", "another rig than the usual one"),
    ),
)
def stop(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.hints import show
    from infra.cli.screens.instance import render_stop
    from infra.workflows import stop

    show(render_stop(stop.stop_and_report(open_rig(settings))), settings)
    return 0


@GROUP.command(
    help="bring results home, then delete the instance, its disk, and what was made for it",
    options=(Option(name="lose-results", help="delete even what cannot be brought home", flag=True), ASKS_NOTHING),
    settings=WHERE_AM_I,
    needed=FIND_IT,  # without the key nothing comes home, and the bill ends all the same
    examples=(
        ("rig terminate", "results first; then nothing costs any more"),
        ("rig terminate --lose-results", "also when something cannot be brought home"),
    ),
)
def terminate(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.workflows import stop

    for thing in stop.terminate(open_rig(settings), lose_results=options.lose_results):
        deliver(f"removed: {thing}")
    return 0


@GROUP.command(
    help="build (or, with registry, pull) the training image on the instance ahead of time",
    settings=(*WHERE_AM_I, "base_image", "registry"),
    examples=(
        ("rig image", "so that the first run need not wait for it"),
        ("rig image --registry 1234.dkr.ecr.us-east-1.amazonaws.com/rig", "pulled, where it was pushed before"),
    ),
)
def image(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import show_log
    from infra.workflows.ensure_image import prepare

    rig = open_rig(settings)
    name = prepare(rig, show_log)
    deliver(name)
    return 0


@GROUP.command(
    help="make an image (AMI) of the prepared instance: the next launch is ready at boot",
    settings=(*WHERE_AM_I, "base_image", "registry"),
    examples=(
        ("rig bake", "takes some minutes; the instance reboots"),
        ("rig launch --ami ami-0123456789abcdef0", "begin from what was baked"),
    ),
)
def bake(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.hints import say
    from infra.cli.progress import show_log
    from infra.cli.screens.instance import render_bake
    from infra.workflows.bake import bake as carry_out

    rig = open_rig(settings)
    baked = carry_out(rig, show_log)
    say(render_bake(baked), settings)
    deliver(baked.id)
    return 0
