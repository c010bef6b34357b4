"""Ask before money is spent or anything is deleted."""

from __future__ import annotations

import sys

from infra.cli.agent import is_agent, refuse_to_ask
from infra.cli.local_time import beside_utc
from infra.console import ask, tell
from infra.errors import UserError


def confirm(question: str, *, otherwise: str, beforehand: str) -> None:
    """Return for a yes. Raises UserError, saying *otherwise*, for anything else; for no answer at all (cron, a closed
    pipe) also how to agree *beforehand*. A program is not asked at all."""
    if is_agent():
        raise refuse_to_ask(otherwise, beforehand)
    ask(beside_utc(f"\n{question} [y/N]"))
    answer = _read_answer()
    if not answer:
        tell("")
        raise UserError(f"{otherwise} Nobody was there to answer.", beforehand)
    if answer.strip().lower() not in ("y", "yes"):
        raise UserError(otherwise)


def _read_answer() -> str:
    """A line of standard input; empty when there is none to be had."""
    try:
        return sys.stdin.readline() if sys.stdin else ""
    except (OSError, ValueError):  # closed, a folder, no text
        return ""
