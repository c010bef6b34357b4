"""Safeguard 3 for an account: the role that lets AWS itself stop an instance, and what runs already held by it."""

from __future__ import annotations

from infra.aws.autostop import schedule
from infra.aws.autostop.schedule import Role
from infra.errors import AwsFailed, NotAllowed
from infra.workflows.context import Rig


def setup_guard(rig: Rig) -> Role:
    role = schedule.setup_guard(rig.session)
    now = "is made" if role.created else "was there and is as it should be"
    rig.tell(f"The role of safeguard 3 {now}: {role.arn}")
    _hold_what_runs(rig)
    return role


def _hold_what_runs(rig: Rig) -> None:
    """Whoever makes the role need not be who launches: what they may not do is told, and is not their fault."""
    try:
        for instance, safeguard in schedule.arm_all(rig.session):
            rig.tell(f"{instance.name}, which runs already: {safeguard}")
    except (NotAllowed, AwsFailed) as error:
        rig.tell(f"What runs already is held by it after the next `rig launch`: {error.cause}")


def remove_guard(rig: Rig) -> None:
    schedule.remove_role(rig.session)
