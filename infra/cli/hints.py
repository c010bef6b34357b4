"""Says each hint as its reader would type it: `make launch CLOUD=rehearsal`, or `rig launch --cloud rehearsal`.

The rooms below write either form and know nothing of how the kit was called. What leads elsewhere when it is left out,
the cloud and the rig's name, is repeated.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final

from infra.cli.arguments import Command
from infra.cli.commands import COMMANDS
from infra.console import deliver, tell
from infra.settings import ENVIRONMENT_PREFIX, Settings

CALLED_BY: Final = "GLUON_RIG_CALLED_BY"  # the Makefile says "make"
REPEATED: Final = ("cloud", "name")
_HINT: Final = re.compile(r"`(?:make|rig) ([^`\n]+)`")
_MAKE_OPTION: Final = re.compile(r"([A-Z][A-Z_]*)=(.*)", re.DOTALL)


def theirs(text: str, settings: Settings | None) -> str:
    """*text* with every hint in backticks as the user would type it; *settings*: None when they are wrong."""
    repeated = _find_repeated(settings) if settings else {}
    by_make = os.environ.get(CALLED_BY) == "make"
    return _HINT.sub(lambda found: _phrase(found[1], repeated, by_make=by_make) or found[0], text)


def say(text: str, settings: Settings) -> None:
    """Tell what happens."""
    tell(theirs(text, settings))


def show(text: str, settings: Settings) -> None:
    """Print the product of a command."""
    deliver(theirs(text, settings))


def _find_repeated(settings: Settings) -> dict[str, str]:
    return {
        f.name: getattr(settings, f.name)
        for f in fields(Settings)
        if f.name in REPEATED
        and getattr(settings, f.name) != f.default
        and ENVIRONMENT_PREFIX + f.name.upper() not in os.environ  # there it stays for the next line too
    }


def _phrase(hint: str, repeated: Mapping[str, str], *, by_make: bool) -> str:
    """Empty for what is no line of ours, such as `make set-up` or `rig COMMAND --help`."""
    try:
        name, *rest = shlex.split(hint)
    except ValueError:
        return ""
    command = COMMANDS.get(name)
    if command is None:
        return ""
    plain, options = _take_apart(rest)
    if "help" in options:
        return ""
    more = {key: value for key, value in repeated.items() if key in command.settings}
    options = {**options, **{key: value for key, value in more.items() if key not in options}}
    if by_make and (as_make := _as_make(command, plain, options)):
        return as_make
    return "`" + " ".join(["rig", name, *plain, *(_option(*one) for one in options.items())]) + "`"


def _take_apart(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Plain words, and options by name: --by 2h, --by=2h, BY=2h; a lone --yes means 1."""
    plain, options, open_name = [], {}, ""
    for word in words:
        if make := _MAKE_OPTION.fullmatch(word):
            options[make[1].lower().replace("_", "-")] = make[2]
        elif word.startswith("--"):
            open_name, equals, value = word[2:].partition("=")
            options[open_name] = value if equals else "1"
            open_name = "" if equals else open_name
            continue
        elif open_name:
            options[open_name] = word
        else:
            plain.append(word)
        open_name = ""
    return plain, options


def _as_make(command: Command, plain: Sequence[str], options: Mapping[str, str]) -> str:
    """Empty where make has no words for it: a plain word other than `remote`."""
    if set(plain) - {"remote"}:
        return ""
    said = [f"{name.upper().replace('-', '_')}={shlex.quote(value)}" for name, value in options.items()]
    return "`" + " ".join(["make", command.name, *plain, *said]) + "`"


def _option(name: str, value: str) -> str:
    return f"--{name}" if value == "1" else f"--{name} {shlex.quote(value)}"
