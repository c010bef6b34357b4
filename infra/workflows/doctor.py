"""What stands in the way of a launch: on this computer, in its key, and in the account."""

from __future__ import annotations

from infra.aws.account.doctor import Check, check_key, examine, run_check
from infra.workflows.context import Rig
from infra.workflows.local_checks import laptop_checks


def examine_all(rig: Rig) -> list[Check]:
    key = run_check("key", lambda: check_key(rig.session, rig.name, rig.key))
    return [*laptop_checks(), key, *examine(rig.session, rig.settings, tell=rig.tell)]
