"""What `--help` prints, and the pages made of the same table: the overview, a command, the manual page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, fields
from typing import Any, Final

from infra.cli.arguments import Command, Group, Option, find_command, own_words
from infra.cli.hints import called_by_make, theirs, variable
from infra.settings import Settings, option_name, show

_ASKS: Final = {"-h": "1", "--help": "1", "--help=1": "1", "--help=all": "all"}


def find_page(words: Sequence[str], groups: Sequence[Group], commands: Mapping[str, Command]) -> str | None:
    """The page that *words* ask for; None if they ask for none. Raises UserError for a command that is not there."""
    if not words or words[0] in _ASKS or list(words) == ["help"]:
        return render_overview(groups)
    if list(words) == ["help", "man"]:
        return render_manual(groups).rstrip("\n")
    if words[0] == "help":
        return render_command(find_command(words[1], commands), everything="all" in words[2:])
    command = commands.get(words[0])
    asked = _asked_for(own_words(command, words[1:])) if command else ""
    return render_command(command, everything=asked == "all") if command and asked else None


def _asked_for(words: Sequence[str]) -> str:
    """ "1", "all", or nothing; `make launch HELP=1` arrives as --help=1."""
    for word, behind in itertools.zip_longest(words, words[1:], fillvalue=""):
        if word in _ASKS:
            return "all" if behind == "all" else _ASKS[word]
    return ""


def render_overview(groups: Sequence[Group]) -> str:
    """Every command by group, the settings' sources, and where to begin."""
    lines = [
        "rig: rent a GPU on EC2, train there in Docker, bring the results home, know the bill before.",
        "",
        "settings -> instance -> host -> job -> artifacts",
    ]
    for group in groups:
        lines += ["", group.title]
        lines += [f"  {command.name:<17}{command.help}" for command in group.commands.values()]
    lines += [
        "",
        "`rig COMMAND --help` explains one. Settings come from options (--type g5.xlarge), from the environment",
        '(RIG_TYPE=g5.xlarge), from rig.toml (type = "g5.xlarge"), in this order; `rig settings` lists them all.',
        "New here? `rig demo` shows the whole story on this computer, without an AWS account and without cost.",
    ]
    return "\n".join(lines)


def render_command(command: Command, *, everything: bool = False) -> str:
    """What it does, two examples, its own options; with *everything* also the settings that count for it."""
    parts = [f"usage: {_usage(command)}", command.help]
    if command.examples:
        parts.append("examples\n" + _align([(_as_typed(line), what) for line, what in command.examples]))
    if command.arguments or command.options:
        parts.append("options\n" + _align([_describe(one) for one in (*command.arguments, *command.options)]))
    if command.settings:
        parts.append(_describe_settings(command, everything=everything))
    if command.epilog:
        parts.append(command.epilog)
    return theirs("\n\n".join(parts), None)


def _usage(command: Command) -> str:
    if called_by_make():
        return f"make {command.name} [NAME=VALUE ...]"
    alone = (f"[{_value(one)}{' ...' if one.many else ''}]" for one in command.arguments)
    return " ".join(["rig", command.name, *alone, "[--OPTION VALUE ...]"])


def _as_typed(line: str) -> str:
    return theirs(f"`{line}`", None).strip("`")


def _describe(one: Option) -> tuple[str, str]:
    known = f" [{one.default}]" if one.default and not one.flag and f"[{one.default}]" not in one.help else ""
    return _form(one.name, "" if one.flag else _value(one)), f"{one.help}{known}"


def _value(one: Option) -> str:
    return one.value or ("|".join(one.choices) if one.choices else variable(one.name))


def _form(name: str, value: str) -> str:
    if called_by_make():
        return f"{variable(name)}={value or 1}"
    return f"--{name} {value}".rstrip()


def _describe_settings(command: Command, *, everything: bool) -> str:
    ours = [f for f in fields(Settings) if f.name in command.settings]
    if not everything:
        names = ", ".join(variable(f.name) if called_by_make() else option_name(f.name)[2:] for f in ours)
        return f"settings: {names}\n  `rig {command.name} --help all` explains them, `rig settings` shows their values"
    return "settings, also from the environment (RIG_NAME=...) and from rig.toml\n" + _align(
        [_describe_setting(f) for f in ours]
    )


def _describe_setting(f: Field[Any]) -> tuple[str, str]:
    value = f.default
    known = "" if value in ("", False) else f" [{show(value)}]"
    return _form(option_name(f.name)[2:], "" if value is False else "VALUE"), f"{f.metadata['doc']}{known}"


def _align(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns; a first cell that is long stands on a line of its own."""
    width = min(max(len(label) for label, _ in rows), _WIDEST)
    return "\n".join(line for label, text in rows for line in _lines(label, text, width))


_WIDEST: Final = 34


def _lines(label: str, text: str, width: int) -> Iterator[str]:
    if len(label) > width:
        yield f"  {label}"
        label = ""
    yield f"  {label:<{width}}  {text}".rstrip()


def render_manual(groups: Sequence[Group]) -> str:
    """docs/rig.1, in the macros of man(7)."""
    parts = [
        '.TH RIG 1 "" "gluon-rig" "Gluon Rig"',
        ".SH NAME",
        "rig \\- rent a GPU on EC2, train there in Docker, bring the results home, know the bill before",
        ".SH SYNOPSIS",
        ".B rig",
        "COMMAND [ARGUMENT ...] [\\-\\-OPTION VALUE ...]",
        ".SH DESCRIPTION",
        "Settings come from options, from the environment (RIG_NAME), and from rig.toml, in this order.",
    ]
    for group in groups:
        parts.append(f".SH {group.title.upper()}")
        parts += [line for command in group.commands.values() for line in _manual_of(command)]
    parts.append(".SH SETTINGS")
    parts += [line for f in fields(Settings) for line in _term(*_describe_setting(f))]
    parts += [".SH EXIT STATUS", "0 done, or nothing to do; 1 the world failed; 2 you can fix it; 130 interrupted."]
    return "\n".join(parts) + "\n"


def _manual_of(command: Command) -> Iterator[str]:
    yield from (f".SS {_roff(_usage(command))}", _roff(command.help))
    for one in (*command.arguments, *command.options):
        yield from _term(*_describe(one))
    for line, what in command.examples:
        yield from _term(_as_typed(line), what)


def _term(label: str, text: str) -> Iterator[str]:
    yield from (".TP", f".B {_roff(label)}", _roff(text))


def _roff(text: str) -> str:
    """A line that begins with a dot or a quote would be a request."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").replace('"', "\\(dq")
    return "\\&" + safe if safe[:1] in (".", "'") else safe
