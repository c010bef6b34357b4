"""Ask before money is spent or anything is deleted."""

from __future__ import annotations

import sys

from infra.errors import UserError


def confirm(question: str, *, otherwise: str, beforehand: str) -> None:
    """Return for a yes. Raises UserError, saying *otherwise*, for anything else; for no answer at all (cron, a closed
    pipe) also how to agree *beforehand*."""
    print(f"\n{question} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
        raise UserError(f"{otherwise} Nobody was there to answer.", beforehand)
    if answer.strip().lower() not in ("y", "yes"):
        raise UserError(otherwise)
