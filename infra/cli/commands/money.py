"""The group "money": plan, types, extend, cost, sweep, iam-policy, setup-guard."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from infra.cli.arguments import Group, Option
from infra.cli.options import FIND_IT, JSON, LIMITS, MACHINE, WHERE_AM_I, YES
from infra.console import deliver, tell
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.aws.account.sweep import Found
    from infra.aws.instances.instance import Instance
    from infra.workflows.context import Rig

GROUP: Final = Group("money")


@GROUP.command(
    help="what `launch` would do and the most it can cost; changes nothing",
    settings=(*WHERE_AM_I, *MACHINE, *LIMITS),
    examples=(
        ("rig plan", "with the settings of rig.toml"),
        ("rig plan --type g5.xlarge,g6.xlarge --spot --hours 4", "two types in this order, of spare capacity"),
    ),
)
def plan(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.hints import show
    from infra.cli.screens.money import render_plan
    from infra.workflows.plan import choose_region, make_plan

    show(render_plan(make_plan(choose_region(open_rig(settings)))), settings)
    return 0


@GROUP.command(
    help="GPU types of the region: memory, prices, whether MXNet runs on them, what your quota allows",
    options=(JSON,),
    settings=(*FIND_IT, "gpu_mem", "gpus"),
    examples=(
        ("rig types", "every one"),
        ("rig types --gpu-mem 16 --json", "those with 16 GiB or more a GPU, for scripts"),
    ),
)
def types(options: Namespace, settings: Settings) -> int:
    from infra.aws.offers.survey import survey_types
    from infra.cli.context import open_rig
    from infra.cli.hints import show
    from infra.cli.screens.layout import render_json
    from infra.cli.screens.types import render_types

    rig = open_rig(settings)
    found = survey_types(rig.session, gpu_mem=settings.gpu_mem, gpus=settings.gpus, tell=rig.tell)
    if options.json:
        deliver(render_json(found))
    else:
        show(render_types(found, region=rig.session.region), settings)
    return 0


@GROUP.command(
    help="move the deadline of every safeguard, after saying what that can cost",
    arguments=(Option(name="by", help="how much longer: 2h, 90m, 1h30m", default="1h", value="TIME"),),
    options=(YES,),
    settings=(*FIND_IT, "after"),
    examples=(
        ("rig extend 2h", "two hours more"),
        ("rig extend 30m --yes", "without a question"),
    ),
)
def extend(options: Namespace, settings: Settings) -> int:
    from infra import budget
    from infra.cli.agent import require_within
    from infra.cli.context import open_rig
    from infra.cli.hints import show
    from infra.cli.screens.group import render_standings
    from infra.workflows import extend as extending
    from infra.workflows.context import running_nodes
    from infra.workflows.status import standings_of

    by_hours = budget.hours_in(options.by)
    rig = open_rig(settings)
    nodes = running_nodes(rig, whole=False)
    later = [extending.plan_extension(rig, one, by_hours, among=nodes) for one in nodes]
    worst = budget.total([one.usd_worst for one in standings_of(rig, later)])
    require_within(settings, worst, "With that extension the rig")
    if not (options.yes or rig.rehearsing):
        _agree(rig, nodes, later)
    extended = standings_of(rig, [*extending.extend(rig, nodes, by_hours), *extending.resting_beside(rig, nodes)])
    show(render_standings(extended, region=rig.session.region), settings)
    return 0


def _agree(rig: Rig, nodes: Sequence[Instance], later: Sequence[Instance]) -> None:
    """Ask whether *nodes* may run as long as *later* says; beyond a week twice."""
    from infra import budget
    from infra.cli.prompt import confirm
    from infra.cli.screens.instance import render_most
    from infra.settings import ASKED_TWICE_HOURS
    from infra.workflows.status import standings_of

    off = later[0].deadline
    assert off is not None
    worst = [one.usd_worst for one in standings_of(rig, [*nodes, *later])]
    before, then = (render_most(budget.total(some)) for some in (worst[: len(nodes)], worst[len(nodes) :]))
    refused = {"otherwise": "The deadline stays as it is.", "beforehand": "`rig extend --yes` does not ask"}
    confirm(f"The most it can cost rises from {before} to {then}. Go ahead?", **refused)
    days = (off - rig.now()).total_seconds() / 86400
    if days * 24 > ASKED_TWICE_HOURS:
        off_by = budget.clock(off)
        confirm(f"That is off by {off_by} only, {days:.0f} days from now. Really?", **refused)


@GROUP.command(
    help="what each instance and each run has cost",
    options=(JSON,),
    settings=FIND_IT,
    examples=(
        ("rig cost", "instances of this region, and runs at home"),
        ("rig cost --json", "for scripts"),
    ),
)
def cost(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.hints import show
    from infra.cli.screens.layout import render_json
    from infra.cli.screens.money import render_costs
    from infra.workflows.cost import find_costs

    rig = open_rig(settings)
    found = find_costs(rig)
    if options.json:
        deliver(render_json(found))
    else:
        show(render_costs(found, pretended=rig.rehearsing), settings)
    return 0


@GROUP.command(
    help="all regions: everything the kit made and what it costs per month",
    options=(
        JSON,
        Option(name="delete", help="remove it all, after asking", flag=True),
        Option(name="yes", help="do not ask before deleting", flag=True),
    ),
    settings=("cloud", "region", "profile"),
    examples=(
        ("rig sweep", "only looks"),
        ("rig sweep --delete", "removes it all, after asking"),
    ),
)
def sweep(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.hints import show
    from infra.cli.prompt import confirm
    from infra.cli.screens.layout import render_json
    from infra.cli.screens.money import render_sweep
    from infra.workflows.sweep import find_everything

    rig = open_rig(settings)
    found = find_everything(rig)
    if options.json:
        deliver(render_json({"things": found.resources, "unseen": found.unseen}))
    else:
        show(render_sweep(found), settings)
    if not options.delete or not found.resources:
        return 0
    if not options.yes:  # what is deleted is gone, disks and results with it: so even a rehearsal asks
        confirm(
            f"Delete all {len(found.resources)} for good, results on their disks too?",
            otherwise="Nothing was deleted.",
            beforehand="`rig sweep --delete --yes` does not ask",
        )
    return _remove(rig, found)


def _remove(rig: Rig, found: Found) -> int:
    from infra.workflows.sweep import remove_everything

    left = remove_everything(rig, found)
    for one in left:
        deliver(f"still there: {one.resource}: {one.reason}")
    deliver(f"{len(found.resources) - len(left)} removed.")
    return 1 if left else 0


@GROUP.command(
    help="the least permissions the kit needs, as an IAM policy",
    options=(Option(name="setup", help="the policy for `rig setup-guard` instead", flag=True),),
    examples=(
        ("rig iam-policy", "paste it into a policy for whoever uses the kit"),
        ("rig iam-policy --setup", "what `rig setup-guard` needs, once"),
    ),
)
def iam_policy(options: Namespace, settings: Settings) -> int:
    from infra.aws.account.iam_policy import policy, setup_policy
    from infra.cli.screens.layout import render_json

    deliver(render_json(setup_policy() if options.setup else policy()))
    return 0


@GROUP.command(
    help="once per account: make the role that lets AWS itself stop instances at their deadline",
    options=(Option(name="remove", help="remove that role again", flag=True),),
    settings=("cloud", "region", "profile"),
    examples=(
        ("rig setup-guard", "once, by whoever may make roles"),
        ("rig setup-guard --remove", "take the role away again"),
    ),
)
def setup_guard(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.screens.layout import render_json
    from infra.workflows.setup_guard import remove_guard
    from infra.workflows.setup_guard import setup_guard as carry_out

    rig = open_rig(settings)
    if options.remove:
        remove_guard(rig)
        deliver("The role of safeguard 3 is gone; launches from now on are held by safeguards 1 and 2.")
        return 0
    role = carry_out(rig)
    tell("Who may use the role, and what it may do:")
    deliver(render_json({"trust": role.trust, "permissions": role.permissions}))
    return 0
