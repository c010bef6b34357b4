"""Parse a command line into a command, its options, and the settings given with it.

One parser is built, that of the command that was typed: `rig --help` and every start stay quick.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from infra.console import deliver
from infra.errors import UserError
from infra.settings import Settings, option_name


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of one command alone (a setting belongs to all). A *flag* takes 1 or 0, or nothing, which means 1."""

    name: str
    help: str
    default: Any = ""
    flag: bool = False
    choices: tuple[str, ...] | None = None


Run = Callable[[argparse.Namespace, Settings], int]
"""Carries a command out and returns its exit code."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """*settings*: those its --help shows; it takes the others too. *arguments*: its positional arguments.

    *rest_after*: the argument behind which everything is for the command itself to read, options too."""

    name: str
    help: str
    run: Run
    group: str
    options: tuple[Option, ...] = ()
    settings: tuple[str, ...] = ()
    arguments: tuple[Option, ...] = ()
    rest_after: str = ""
    epilog: str = ""


class Group:
    """The commands of one part of `rig --help`; a command is a function with what the help says of it beside it."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.commands: dict[str, Command] = {}

    def command(
        self,
        *,
        help: str,
        options: tuple[Option, ...] = (),
        settings: tuple[str, ...] = (),
        arguments: tuple[Option, ...] = (),
        rest_after: str = "",
        epilog: str = "",
    ) -> Callable[[Run], Run]:
        """Add the decorated function under its own name: `iam_policy` is typed `rig iam-policy`."""

        def add(run: Run) -> Run:
            name = run.__name__.replace("_", "-")
            self.commands[name] = Command(
                name=name,
                help=help,
                run=run,
                group=self.title,
                options=options,
                settings=settings,
                arguments=arguments,
                rest_after=rest_after,
                epilog=epilog,
            )
            return run

        return add


@dataclass(frozen=True)
class Request:
    """What was typed, taken apart. *foreign*: options nobody knows, for one message with all that is wrong."""

    command: Command
    options: argparse.Namespace
    settings: Mapping[str, str]
    foreign: Mapping[str, str] = field(default_factory=dict)


def parse(argv: Sequence[str], commands: Mapping[str, Command]) -> Request:
    """Raises UserError for an unknown command; prints help and raises SystemExit(0) for --help."""
    command = _command(argv[0], commands)
    parser = _parser(command)
    # `make launch HELP=1` arrives as --help=1, and argparse's own --help takes no value.
    own, further = _split_behind(command.rest_after, argv[1:])
    given, rest = parser.parse_known_args(["--help" if word == "--help=1" else _protect(word) for word in own])
    given.rest = further
    for name, value in vars(given).items():
        setattr(given, name, _unprotect(value))
    settings = {f.name: getattr(given, f"setting_{f.name}") for f in fields(Settings)}
    return Request(
        command=command,
        options=given,
        settings={name: text for name, text in settings.items() if text is not None},
        foreign=_foreign(rest),
    )


def _split_behind(word: str, words: Sequence[str]) -> tuple[list[str], list[str]]:
    end = words.index(word) + 1 if word and word in words else len(words)
    return list(words[:end]), list(words[end:])


# argparse takes "--" for the end of options even where it is an option's value: `--args=--`.
_TWO_DASHES = "\ue000--"


def _protect(word: str) -> str:
    name, equals, value = word.partition("=")
    return name + equals + _TWO_DASHES if name.startswith("--") and value == "--" else word


def _unprotect(value: Any) -> Any:
    return value.replace(_TWO_DASHES, "--") if isinstance(value, str) else value


def _command(name: str, commands: Mapping[str, Command]) -> Command:
    if name in commands:
        return commands[name]
    near = difflib.get_close_matches(name, commands, n=1)
    guess = f"did you mean `rig {near[0]}`?\n" if near else ""
    raise UserError(f"There is no command {name!r}.", f"{guess}`rig --help` or `make` alone lists all commands")


class _Parser(argparse.ArgumentParser):
    def _print_message(self, message: str, file: Any = None) -> None:
        deliver(message.rstrip("\n"))

    def error(self, message: str) -> Any:
        raise UserError(f"{self.prog}: {_unprotect(message)}", f"`{self.prog} --help` shows what it takes")


def _parser(command: Command) -> _Parser:
    parser = _Parser(
        prog=f"rig {command.name}",
        description=command.help,
        epilog=command.epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for one in command.arguments:
        parser.add_argument(one.name, help=one.help, nargs="?", default=one.default, choices=one.choices)
    for option in command.options:
        _add_option(parser, option)
    group = parser.add_argument_group("settings", "also from the environment (RIG_NAME=...) and from rig.toml")
    for f in fields(Settings):
        shown = f.name in command.settings
        flag = f.default is False
        group.add_argument(
            option_name(f.name),
            dest=f"setting_{f.name}",
            metavar="1|0" if flag else "VALUE",
            nargs="?" if flag else None,  # --spot alone means --spot 1
            const="1" if flag else None,
            help=f"{f.metadata['doc']}{_default(f.default)}".replace("%", "%%") if shown else argparse.SUPPRESS,
        )
    return parser


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    name = "--" + option.name
    text = option.help.replace("%", "%%")
    if option.flag:
        parser.add_argument(name, help=text, nargs="?", const=True, default=False, type=_yes_or_no, metavar="1|0")
    else:
        parser.add_argument(name, help=text, default=option.default, choices=option.choices, metavar="VALUE")


def _yes_or_no(text: str) -> bool:
    from infra.settings import yes_or_no

    return yes_or_no(text)


def _default(value: Any) -> str:
    if value in ("", False):
        return ""
    return f" [{','.join(value) if isinstance(value, tuple) else value}]"


def _foreign(rest: Sequence[str]) -> dict[str, str]:
    """Unknown options by name; a stray word that belongs to none is reported as it stands."""
    unknown = {}
    for word in map(_unprotect, rest):
        name, _, value = word.partition("=")
        if name.startswith("--"):
            unknown[name[2:].replace("-", "_")] = value
        elif not unknown:
            raise UserError(f"{word!r} is one argument too many.", "`rig COMMAND --help` shows what the command takes")
    return unknown
