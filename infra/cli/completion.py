"""What a shell completes, from the table of commands: the script that `rig completion bash|zsh|fish` prints.

shtab writes the scripts; the shell itself asks nobody, so that a Tab costs no start of Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Final

from infra.cli.arguments import Command, fill_parser

SHELLS: Final = ("bash", "zsh", "fish")
# The names of runs are the folders in runs/, wherever Tab is pressed.
_RUNS: Final = {"bash": "_rig_runs", "zsh": "_files -W runs -/", "fish": "(ls runs 2>/dev/null)"}
_FILES: Final = {"bash": "_shtab_compgen_files", "zsh": "_files", "fish": "(__fish_complete_path (commandline -ct))"}
_PREAMBLE: Final = {"bash": '_rig_runs() { compgen -W "$(ls runs 2>/dev/null)" -- "$1"; }\n'}
_TAKES_FILES: Final = {"script", "code", "data", "key"}


def render_completion(shell: str, commands: Mapping[str, Command]) -> str:
    import shtab

    whole = argparse.ArgumentParser(prog="rig", description="rent a GPU on EC2, train there, bring the results home")
    whole.add_argument("--version", action="version", version="")
    each = whole.add_subparsers(dest="command")
    for name, command in commands.items():
        parser = each.add_parser(name, help=command.help.replace("%", "%%"), allow_abbrev=False)
        fill_parser(parser, command)
        for action in parser._actions:  # shtab reads the attribute that it asks for from each
            _mark(action)
    script: str = shtab.complete(whole, shell=shell, preamble=_PREAMBLE.get(shell, ""))
    return script


def _mark(action: Any) -> None:
    name = action.dest.removeprefix("alone_").removeprefix("setting_")
    if name in ("run", "runs", "resume"):
        action.complete = _RUNS
    elif name in _TAKES_FILES:
        action.complete = _FILES
