"""What it meant that a copy to or from a host broke off."""

from __future__ import annotations

from infra.errors import RigError, WorldError
from infra.host.connection import DROPPED, Host, explain_loss

# rsync(1), EXIT VALUES: the ways in which not the files but the connection is at fault.
CONNECTION_LOST = {10, 12, 20, 30, 35, DROPPED}
_LINES_SAID = 5
VANISHED = 24
"""All has been copied but for files that were removed meanwhile."""


def explain_failure(host: Host, exit_code: int, said: str) -> RigError:
    full = "No space left" in said  # rsync's other end then sees no more than a broken stream
    if exit_code in CONNECTION_LOST and not full:
        return explain_loss(host.target, said or f"exit code {exit_code}")
    hint = "free some space there, or launch with a larger disk_gib" if full else ""
    return WorldError(f"Copying to or from {host.target} failed (exit code {exit_code}): {_first_lines(said)}", hint)


def _first_lines(said: str) -> str:
    """On a full disk tar and rsync complain of each file."""
    lines = said.splitlines()
    more = [f"... and {len(lines) - _LINES_SAID} lines more"] if len(lines) > _LINES_SAID else []
    return "\n".join([*lines[:_LINES_SAID], *more])
