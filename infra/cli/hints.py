"""Says each hint as its reader would type it: `make launch CLOUD=rehearsal`, or `rig launch --cloud rehearsal`.

The rooms below write either form and know nothing of how the kit was called. What leads elsewhere when it is left out,
the cloud and the rig's name, is repeated.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Final

from infra.cli.arguments import COMMANDS, Command, Option, own_words
from infra.cli.local_time import beside_utc
from infra.console import present, tell
from infra.settings import ENVIRONMENT_PREFIX, Settings, option_name
from infra.settings.sources import is_rehearsal_meant

CALLED_BY: Final = "GLUON_RIG_CALLED_BY"  # the Makefile says "make"
REPEATED: Final = ("cloud", "name")
_HINT: Final = re.compile(r"`(?:make|rig) ([^`\n]+)`")
_OPTION: Final = re.compile(r"--[a-z][a-z-]*(=.*)?", re.DOTALL)  # "--epochs 3", in one word, is the value of one
_MAKE_OPTION: Final = re.compile(r"([A-Z][A-Z_]*)=(.*)", re.DOTALL)


def theirs(text: str, settings: Settings | None) -> str:
    """*text* with every hint in backticks as the user would type it; *settings*: None when they are wrong."""
    repeated = _find_repeated(settings) if settings else {}
    by_make = called_by_make()
    return _HINT.sub(lambda found: _phrase(found[1], repeated, by_make=by_make) or found[0], text)


def called_by_make() -> bool:
    return os.environ.get(CALLED_BY) == "make"


def say(text: str, settings: Settings | None) -> None:
    """Tell what happens."""
    tell(beside_utc(theirs(text, settings)))


def show(text: str, settings: Settings | None) -> None:
    """Print the product of a command for a reader."""
    present(beside_utc(theirs(text, settings)))


def _find_repeated(settings: Settings) -> dict[str, str]:
    return {
        f.name: getattr(settings, f.name)
        for f in fields(Settings)
        if f.name in REPEATED
        and f.name not in settings.wrong
        and getattr(settings, f.name) != f.default
        and not _stands_in_environment(f.name)  # there it is for the next line too
    }


def _stands_in_environment(name: str) -> bool:
    return ENVIRONMENT_PREFIX + name.upper() in os.environ or (name == "cloud" and is_rehearsal_meant(os.environ))


def _phrase(hint: str, repeated: Mapping[str, str], *, by_make: bool) -> str:
    """Empty for what is no line of ours, such as `make set-up`."""
    try:
        name, *rest = shlex.split(hint)
    except ValueError:
        return ""
    if by_make and hint == "--help":
        return "`make`"
    if name in COMMANDS or name == "COMMAND":
        return f"`{_phrase_line(name, rest, repeated, by_make=by_make)}`"
    return ""


def _phrase_line(name: str, rest: Sequence[str], repeated: Mapping[str, str], *, by_make: bool) -> str:
    command = COMMANDS.get(name)
    own = own_words(command, rest) if command else rest
    plain, options = _take_apart(own)
    if command and "help" not in options:
        more = {key: value for key, value in repeated.items() if key in command.settings}
        options = {**options, **{key: value for key, value in more.items() if key not in options}}
    if by_make:
        return _as_make(name, command, [*plain, *rest[len(own) :]], options)
    flags = _flags(command)
    alone = map(shlex.quote, [*plain, *rest[len(own) :]])
    return " ".join(["rig", name, *alone, *(_option(*one, flags) for one in options.items())])


def _take_apart(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Plain words, and options by name: --by 2h, --by=2h, BY=2h; a lone --yes means 1."""
    plain, options, open_name = [], {}, ""
    for word in words:
        if make := _MAKE_OPTION.fullmatch(word):
            options[make[1].lower().replace("_", "-")] = make[2]
        elif _OPTION.fullmatch(word):
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


# What stands alone beside the command in make's words, too; any other argument is named there.
_GOALS: Final = {"train": "remote", "notebook": "here"}


def _as_make(name: str, command: Command | None, plain: Sequence[str], options: Mapping[str, str]) -> str:
    goals = [word for word in plain if word == _GOALS.get(name)]
    named = _name_arguments(command.arguments if command else (), [word for word in plain if word not in goals])
    said = (f"{variable(key)}={shlex.quote(value)}" for key, value in {**named, **options}.items())
    return " ".join(["make", name, *goals, *said])


def _name_arguments(arguments: Sequence[Option], plain: Sequence[str]) -> dict[str, str]:
    """The last argument takes all that is left."""
    if not plain or not arguments:
        return {}
    names = [one.name for one in arguments]
    values = [*plain[: len(names) - 1], " ".join(plain[len(names) - 1 :])]
    return dict(zip(names, values, strict=False))


def variable(option: str) -> str:
    """How make calls an option: "lose-results" is LOSE_RESULTS."""
    return option.upper().replace("-", "_")


def _flags(command: Command | None) -> set[str]:
    own = command.options if command else ()
    settings = (option_name(f.name)[2:] for f in fields(Settings) if f.default is False)
    return {"help", *(one.name for one in own if one.flag), *settings}


def _option(name: str, value: str, flags: Collection[str]) -> str:
    return f"--{name}" if value == "1" and name in flags else f"--{name} {shlex.quote(value)}"
