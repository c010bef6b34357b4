"""Parse a command line into a command, its options, and the settings given with it.

One parser is built, that of the command that was typed: `rig --help` and every start stay quick.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from infra.errors import UserError
from infra.settings import Settings, option_name


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of one command alone (a setting belongs to all). A *flag* takes 1 or 0, or nothing, which means 1.

    *value*: what the help calls its value, "RUN". *many*: as an argument it is any number of words. *instead*: of an
    argument with choices, the option that another word was meant for: `rig train lenet` means --job lenet.
    """

    name: str
    help: str
    default: Any = ""
    flag: bool = False
    choices: tuple[str, ...] | None = None
    value: str = ""
    many: bool = False
    instead: str = ""


Run = Callable[[argparse.Namespace, Settings], int]
"""Carries a command out and returns its exit code."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """*settings*: those its --help names; it takes the others too.

    *needed*: those that must be right before it begins; without it, all that its --help names. *needed_here*: the same
    where it works on this computer (`rig train here`).
    *arguments*: options whose values may also stand alone, in this order: `rig extend 2h` is `rig extend --by 2h`.
    *rest_after*: the argument behind which everything is for the command itself to read, options too.
    *examples*: lines as `rig` takes them, each with what it does.
    *live*: what is waited for moves at the end of the terminal; not where another program has the terminal."""

    name: str
    help: str
    run: Run
    group: str
    options: tuple[Option, ...] = ()
    settings: tuple[str, ...] = ()
    needed: tuple[str, ...] | None = None
    needed_here: tuple[str, ...] | None = None
    arguments: tuple[Option, ...] = ()
    rest_after: str = ""
    epilog: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    live: bool = True


COMMANDS: Final[dict[str, Command]] = {}
"""Every command by name, once infra/cli/commands is imported: each enters itself where it stands."""


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
        needed: tuple[str, ...] | None = None,
        needed_here: tuple[str, ...] | None = None,
        arguments: tuple[Option, ...] = (),
        rest_after: str = "",
        epilog: str = "",
        examples: tuple[tuple[str, str], ...] = (),
        live: bool = True,
    ) -> Callable[[Run], Run]:
        """Add the decorated function under its own name: `iam_policy` is typed `rig iam-policy`."""

        def add(run: Run) -> Run:
            name = run.__name__.replace("_", "-")
            COMMANDS[name] = self.commands[name] = Command(
                name=name,
                help=help,
                run=run,
                group=self.title,
                options=options,
                settings=settings,
                needed=needed,
                needed_here=needed_here,
                arguments=arguments,
                rest_after=rest_after,
                epilog=epilog,
                examples=examples,
                live=live,
            )
            return run

        return add


@dataclass(frozen=True)
class Request:
    """What was typed, taken apart. *foreign*: options nobody knows, for one message with all that is wrong."""

    command: Command
    options: argparse.Namespace
    settings: Mapping[str, str]
    foreign: tuple[str, ...] = ()

    @property
    def needed(self) -> tuple[str, ...]:
        """The settings that must be right before it begins."""
        command = self.command
        if command.needed_here is not None and self.options.where == "here":
            return command.needed_here
        return command.settings if command.needed is None else command.needed


def parse(argv: Sequence[str], commands: Mapping[str, Command]) -> Request:
    """Raises UserError for what no command or its options are; `--help` is the help's (infra/cli/help.py)."""
    command = find_command(argv[0], commands)
    own, further = _split_behind(command.rest_after, argv[1:])
    own = _close_unknown(command, _take_names(command, own))
    _require_choice(command, own)
    given, rest = make_parser(command).parse_known_args([_protect(word) for word in own])
    given.rest = further
    for one in command.arguments:
        _take_argument(one, given)
    for name, value in vars(given).items():
        setattr(given, name, _unprotect(value))
    settings = {f.name: getattr(given, f"setting_{f.name}") for f in fields(Settings)}
    return Request(
        command=command,
        options=given,
        settings={name: text for name, text in settings.items() if text is not None},
        foreign=_foreign(command, rest, given),
    )


_NAMED: Final = re.compile(r"([A-Z][A-Z_]*)=(.*)", re.DOTALL)


def _take_names(command: Command, words: Sequence[str]) -> list[str]:
    """HOURS=4 is --hours=4, as make takes it; but not where it is the value of the option before it."""
    flags = {"--" + one.name for one in command.options if one.flag}
    flags |= {option_name(f.name) for f in fields(Settings) if f.default is False}
    names = {"--" + one.name for one in (*command.arguments, *command.options)}
    names |= {option_name(f.name) for f in fields(Settings)}
    taken: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        found = _NAMED.fullmatch(word)
        option = "--" + found[1].lower().replace("_", "-") if found else ""
        is_value = before in names - flags
        taken.append(f"{option}={found[2]}" if found and option in names and not is_value else word)
    return taken


def _close_unknown(command: Command, words: Sequence[str]) -> list[str]:
    """`--jobb lenet` is --jobb=lenet: a value would be taken for an argument, and that called wrong."""
    known = {"--" + one.name for one in (*command.arguments, *command.options)}
    known |= {option_name(f.name) for f in fields(Settings)}
    closed: list[str] = []
    for word in words:
        before = closed[-1] if closed else ""
        is_open = before.startswith("--") and "=" not in before and before not in known
        if is_open and not word.startswith("-"):
            closed[-1] = f"{before}={word}"
        else:
            closed.append(word)
    return closed


def _require_choice(command: Command, words: Sequence[str]) -> None:
    """Of a first word that stands alone."""
    choices = command.arguments[0].choices if command.arguments else None
    if choices and words and not words[0].startswith("-") and words[0] not in choices:
        raise UserError(f"{words[0]!r} is none of {', '.join(choices)}.", _hint_for(command, words[0]))


def own_words(command: Command, words: Sequence[str]) -> list[str]:
    """Those that are not for the command itself to read."""
    return _split_behind(command.rest_after, words)[0]


def _take_argument(one: Option, given: argparse.Namespace) -> None:
    """What stood alone, else what its option says."""
    alone = getattr(given, _ALONE + one.name)
    if alone:
        setattr(given, one.name.replace("-", "_"), " ".join(alone) if one.many else alone)


_ALONE = "alone_"


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


def find_command(name: str, commands: Mapping[str, Command]) -> Command:
    if name in commands:
        return commands[name]
    near = difflib.get_close_matches(name, commands, n=1)
    guess = f"did you mean `rig {near[0]}`?\n" if near else ""
    raise UserError(f"There is no command {name!r}.", f"{guess}`rig --help` or `make` alone lists all commands")


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UserError(_unprotect(message).removeprefix("argument "), f"`{self.prog} --help` shows what it takes")


def make_parser(command: Command) -> Parser:
    parser = Parser(prog=f"rig {command.name}", allow_abbrev=False, add_help=False)
    fill_parser(parser, command)
    return parser


def fill_parser(parser: argparse.ArgumentParser, command: Command) -> None:
    for one in command.arguments:
        parser.add_argument(_ALONE + one.name, nargs="*" if one.many else "?", choices=one.choices, metavar=one.name)
    for option in (*command.arguments, *command.options):
        _add_option(parser, option)
    for f in fields(Settings):
        flag = f.default is False
        parser.add_argument(
            option_name(f.name),
            dest=f"setting_{f.name}",
            nargs="?" if flag else None,  # --spot alone means --spot 1
            const="1" if flag else None,
            help=f.metadata["doc"].replace("%", "%%"),
        )


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    name, text = "--" + option.name, option.help.replace("%", "%%")
    if option.flag:
        parser.add_argument(name, help=text, nargs="?", const=True, default=False, type=_yes_or_no)
    else:
        parser.add_argument(name, help=text, default=option.default, choices=option.choices)


def _yes_or_no(text: str) -> bool:
    from infra.settings.values import yes_or_no

    try:
        return yes_or_no(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def _foreign(command: Command, rest: Sequence[str], given: argparse.Namespace) -> tuple[str, ...]:
    """The names of unknown options; a stray word that belongs to none is reported as it stands."""
    unknown: dict[str, None] = {}
    for word in map(_unprotect, rest):
        name = word.partition("=")[0]
        if name.startswith("--"):
            unknown[name[2:].replace("-", "_")] = None
        elif not unknown:
            place = getattr(given, _ALONE + command.arguments[0].name) if command.arguments else ""
            raise UserError(f"{word!r} is one argument too many.", _hint_for(command, word, place))
    return tuple(unknown)


def _hint_for(command: Command, word: str, *typed: str) -> str:
    """NAME=VALUE that is no option was meant for the job; another word, behind those *typed*, for an option."""
    if "=" in word:
        return f"what a job or a program takes goes into one option: `--args {shlex.quote(word)}`"
    if command.arguments and command.arguments[0].instead:
        meant = [command.name, *typed, f"--{command.arguments[0].instead}", word]
        return f"did you mean `rig {shlex.join(meant)}`?"
    return f"`rig {command.name} --help` shows what the command takes"
