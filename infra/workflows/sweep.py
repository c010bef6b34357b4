"""Look for everything that the kit made, in all regions, and remove it when the user has agreed."""

from __future__ import annotations

from collections.abc import Sequence

from infra.aws.account import sweep
from infra.aws.account.sweep import Found, Left
from infra.workflows.context import Rig


def find_everything(rig: Rig) -> Found:
    rig.tell("Looking in every region of the account ...")
    return sweep.find(rig.session)


def remove_everything(rig: Rig, found: Found) -> Sequence[Left]:
    """What could not be removed, and why."""
    return sweep.remove(rig.account, found.resources)
