"""Every command, a module per group of `rig --help`: the table that the help, the parser and the Makefile's test read.

Beside each function stands what the help says of it. What a command needs is imported when it runs: `rig --help` loads
none of it.
"""

from __future__ import annotations

from typing import Final

from infra.cli.arguments import COMMANDS
from infra.cli.commands import begin, data, instance, lessons, money, runs, sessions, studies

__all__ = ["COMMANDS", "GROUPS"]

GROUPS: Final = (
    begin.GROUP, instance.GROUP, runs.GROUP, studies.GROUP, sessions.GROUP, data.GROUP, money.GROUP, lessons.GROUP,
)  # fmt: skip
