"""RIG_AGENT=1: a program types. Nothing is asked, and nothing that can cost money is done without a budget on the line.

A budget of the environment or of rig.toml is a standing wish; the one on the line is what this command may cost. It
holds in a rehearsal too, so that what was learnt there is right on AWS.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from infra.cli.arguments import Request
from infra.errors import UserError
from infra.settings import AGENT, Settings
from infra.settings.values import ANSWERS

SPENDS: Final[Mapping[str, str]] = {
    "launch": "",
    "start": "",
    "extend": "",
    "bake": "",  # a snapshot, which costs while it exists
    "train": "recover",  # which launches again where it must
}
"""Commands that can make a bill larger; behind each the option without which it cannot, if there is one."""

CONVERSES: Final[Mapping[str, str]] = {
    "ssh": '`rig train remote --cmd "..."` runs a line there, and brings what it wrote home',
    "quiz": "`rig cards` writes the same questions into a file",
}
"""Commands that are a conversation, and what does without one."""


def is_agent(environ: Mapping[str, str] = os.environ) -> bool:
    """Any word but a no: one that was meant as a yes must not let a program spend."""
    said = environ.get(AGENT, "").strip().lower()
    return bool(said) and ANSWERS.get(said, True)


def refuse_to_ask(otherwise: str, beforehand: str) -> UserError:
    return UserError(f"{otherwise} {AGENT}=1: nothing is asked.", beforehand)


def agree_beforehand(request: Request, settings: Settings) -> None:
    """Where the command may cost money, the budget on its line is the consent. Raises UserError where there is none,
    and for a command that is a conversation.
    """
    name = request.command.name
    if name in CONVERSES:
        raise UserError(f"`rig {name}` is a conversation, and {AGENT}=1 says that a program types.", CONVERSES[name])
    if not _spends(request):
        return
    if "budget" not in request.settings or settings.budget is None:
        option = f" --{SPENDS[name]}" if SPENDS[name] else ""
        raise UserError(
            f"`rig {name}{option}` can cost money, and {AGENT}=1 wants a budget on its line; nothing was done.",
            f"`rig plan --budget 5` shows what $5 are enough for\n`rig {name}{option} --budget 5` does it",
        )
    request.options.yes = True


def _spends(request: Request) -> bool:
    """A plan that changes nothing costs nothing."""
    name, options = request.command.name, request.options
    if name not in SPENDS or getattr(options, "dry_run", False):
        return False
    return bool(getattr(options, SPENDS[name])) if SPENDS[name] else True


def require_within(settings: Settings, usd: float | None, what: str) -> None:
    """For a program: raises UserError where *what* could come to more than the budget on the line."""
    if not is_agent():
        return
    agreed = settings.budget or 0.0
    if usd is None or usd > agreed:
        said = "an unknown sum" if usd is None else f"${usd:,.2f}"
        raise UserError(
            f"{what} could come to {said}, and the budget on the line is ${agreed:,.2f}; nothing was done.",
            "ask for less time, or name a larger budget",
        )
