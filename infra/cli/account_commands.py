"""The commands about money and permission: doctor, cost, sweep, iam-policy, setup-guard."""

from __future__ import annotations

import dataclasses
import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli import render
from infra.cli.context import open_rig
from infra.cli.hints import show, theirs
from infra.cli.local_checks import laptop_checks
from infra.cli.prompt import confirm
from infra.console import deliver, tell
from infra.errors import AwsFailed, NotAllowed
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.aws.account.cost import RunCost
    from infra.aws.account.sweep import Found
    from infra.aws.client.session import Session
    from infra.workflows.context import Rig


def doctor(options: Namespace, settings: Settings) -> int:
    """0 when nothing stands in the way of a launch, else 2: each failing line says how to fix it."""
    from infra.aws.account.doctor import check_key, checked, examine

    rig = open_rig(settings)
    checks = [*laptop_checks(), checked("key", lambda: check_key(rig.session, rig.name, rig.key))]
    checks += examine(rig.session, settings, tell=tell)
    if options.json:
        _print_json([dataclasses.asdict(check) for check in checks])
    else:
        show(render.checks(checks), settings)
    return 2 if any(check.ok is False for check in checks) else 0


def cost(options: Namespace, settings: Settings) -> int:
    from infra.aws.account.cost import instance_costs

    rig = open_rig(settings)
    instances, runs = instance_costs(rig.session), _run_costs(rig.runs)
    if options.json:
        _print_json({"instances": [_plain(one) for one in instances], "runs": [_plain(one) for one in runs]})
    else:
        deliver(render.costs(instances, runs, pretended=rig.rehearsing))
    return 0


def _run_costs(runs: Path) -> list[RunCost]:
    from infra.aws.account.cost import run_cost
    from infra.job.artifacts import ending

    folders = [folder for folder in sorted(runs.glob("*")) if folder.is_dir() and not folder.is_symlink()]
    return [run_cost(folder.name, ending(folder)) for folder in folders if ending(folder)]


def sweep(options: Namespace, settings: Settings) -> int:
    from infra.aws.account import sweep as sweeping

    rig = open_rig(settings)
    tell("Looking in every region of the account ...")
    found = sweeping.find(rig.session)
    if options.json:
        _print_json({"things": [_plain(resource) for resource in found.resources], "unseen": dict(found.unseen)})
    else:
        show(render.swept(found), settings)
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
    from infra.aws.account import sweep as sweeping

    left = sweeping.remove(rig.account, found.resources)
    for one in left:
        deliver(f"still there: {one.resource}: {one.reason}")
    deliver(f"{len(found.resources) - len(left)} removed.")
    return 1 if left else 0


def iam_policy(options: Namespace, settings: Settings) -> int:
    from infra.aws.account.iam_policy import policy, setup_policy

    _print_json(setup_policy() if options.setup else policy())
    return 0


def setup_guard(options: Namespace, settings: Settings) -> int:
    from infra.aws.autostop import schedule

    session = open_rig(settings).session
    if options.remove:
        schedule.remove_role(session)
        deliver("The role of safeguard 3 is gone; launches from now on are held by safeguards 1 and 2.")
        return 0
    role = schedule.setup_guard(session)
    tell(f"The role of safeguard 3 {'is made' if role.created else 'was there and is as it should be'}: {role.arn}")
    tell("Who may use it, and what it may do:")
    _print_json({"trust": role.trust, "permissions": role.permissions})
    _hold_what_runs(session, settings)
    return 0


def _hold_what_runs(session: Session, settings: Settings) -> None:
    """Whoever makes the role need not be who launches: what they may not do is told, and is not their fault."""
    from infra.aws.autostop import schedule

    try:
        for instance, safeguard in schedule.arm_all(session):
            tell(f"{instance.name}, which runs already: {safeguard}")
    except (NotAllowed, AwsFailed) as error:
        tell(theirs(f"What runs already is held by it after the next `rig launch`: {error.cause}", settings))


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass as JSON takes it: moments in ISO 8601."""
    fields = dataclasses.asdict(value)
    return {name: one.isoformat() if hasattr(one, "isoformat") else one for name, one in fields.items()}


def _print_json(value: Any) -> None:
    deliver(json.dumps(value, indent=2))
