"""Where settings come from: the command line, the environment and rig.toml become one value."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Final

from infra.errors import BadSettings
from infra.secrets import looks_secret
from infra.settings import AGENT, ENVIRONMENT_PREFIX, GROUP_IDLE_MINUTES, SEE_THEM_ALL, Settings, Wrong, option_name
from infra.text import REPLACED, parse_toml, read_what_is_text

_LIMITS: Final = frozenset(("hours", "budget"))


def load(
    options: Mapping[str, str],
    *,
    environ: Mapping[str, str],
    remembered: Mapping[str, Any],
    foreign: Collection[str] = (),
    own: Collection[str] = (),
    needed: Collection[str] | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Settings:
    """Build the settings from the command line, the environment and rig.toml.

    *foreign*: names of options nobody knows, so that they are reported with the rest; *own*: of those that the command
    takes besides, which may have been meant. *needed*: the settings that must be right, None: all. What is wrong with
    another one that is not typed but remembered is told, and raised where somebody asks for it. Raises BadSettings,
    which lists everything that is wrong.
    """
    known = {f.name: f for f in fields(Settings)}
    problems = [_unknown(f"option --{name}", name, (*known, *own)) for name in foreign]
    values: dict[str, Any] = {}
    for place, name, value in _list_all(remembered, environ, options):
        try:
            values[name] = _parse(place, name, value, known)
        except ValueError as error:
            if _is_typed(place) or needed is None or not _meant_by(name, known).isdisjoint(needed):
                problems.append(str(error))
                continue
            tell(f"left aside: {error}")
            if name in known:
                values[name] = Wrong(str(error))
    if problems:
        raise _refuse(problems)
    return Settings(**_with_idle_of_group(values))


def _list_all(
    remembered: Mapping[str, Any], environ: Mapping[str, str], options: Mapping[str, str]
) -> Iterator[tuple[str, str, Any]]:
    """Where it was said, the name, and what was said; what comes later wins."""
    yield from ((f"rig.toml: {name}", name, value) for name, value in remembered.items())
    for name, text in _from_environment(environ).items():
        yield ENVIRONMENT_PREFIX + name.upper(), name, text
    yield from ((option_name(name), name, text) for name, text in options.items())


def _is_typed(place: str) -> bool:
    return place.startswith("--")


def _with_idle_of_group(values: dict[str, Any]) -> dict[str, Any]:
    nodes = values.get("nodes")
    is_group = isinstance(nodes, int) and nodes > 1
    return {"idle": GROUP_IDLE_MINUTES, **values} if is_group else values


def _refuse(problems: Iterable[str]) -> BadSettings:
    listed = "\n".join(f"  - {problem}" for problem in problems)
    return BadSettings(f"Some settings are wrong; nothing was asked of AWS:\n{listed}", SEE_THEM_ALL)


def _meant_by(name: str, known: Iterable[str]) -> frozenset[str]:
    """The setting that *name* stands for; one that resembles none may have been a limit of what is spent."""
    return frozenset(_nearest(name, known)) or _LIMITS


def _parse(place: str, name: str, value: Any, known: Mapping[str, Field[Any]]) -> Any:
    """*value*: a text, or what TOML made of one. Raises ValueError with a sentence about *place*."""
    if name not in known:
        raise ValueError(_unknown(place, name, known))
    if isinstance(value, Wrong):
        raise ValueError(f"{place}: {value.why}")
    if isinstance(value, dict):
        raise ValueError(f"{place} is a table, and should be one value")
    text = _toml_text(value, _joins(name))
    if looks_secret(text):  # it would go into tags, hints and reports
        raise ValueError(f"{place} holds what looks like a credential, which is no setting")
    try:
        return known[name].metadata["parse"](text)
    except ValueError as error:
        raise ValueError(f"{place} = {text!r}: {error}") from None


def _unknown(place: str, name: str, known: Iterable[str]) -> str:
    near = _nearest(name, known)
    return f"{place}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """That name itself, or one that resembles it; none where none does."""
    return difflib.get_close_matches(name.lower().replace("-", "_"), list(known), n=1)


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {
        name[len(ENVIRONMENT_PREFIX) :].lower(): text
        for name, text in environ.items()
        # RIG_REHEARSAL_* tune the pretend cloud (docs/rehearsal.md); they are not settings of the story.
        if name.startswith(ENVIRONMENT_PREFIX) and not name.startswith("RIG_REHEARSAL_") and name != AGENT
    }
    # `CLOUD=rehearsal rig launch`: who types that must not meet the real AWS, and the pretend one costs nothing.
    return {"cloud": "rehearsal", **found} if is_rehearsal_meant(environ) else found


def is_rehearsal_meant(environ: Mapping[str, str]) -> bool:
    """Whether CLOUD=rehearsal, as make takes it, stands in the environment; any other CLOUD is somebody else's."""
    return environ.get("CLOUD") == "rehearsal"


def _joins(name: str) -> Callable[[list[str]], str]:
    """How a list in rig.toml is said as one text: the words of a command may hold anything."""
    return shlex.join if name == "notify" else ",".join


def _toml_text(value: Any, join: Callable[[list[str]], str]) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return join([str(part) for part in value])
    return str(value)


def read_settings_file(path: Path) -> Mapping[str, Any]:
    """What rig.toml says. Where it is no TOML, or not all of it UTF-8, each setting is read by itself, and a broken one
    is Wrong. Raises BadSettings where that cannot be done."""
    if not path.is_file():
        return {}
    text = read_what_is_text(path)
    try:
        if REPLACED in text:
            raise ValueError("it is not UTF-8")
        return parse_toml(text)
    except ValueError as error:
        one_by_one = _read_one_by_one(text)
        if one_by_one is None:
            raise BadSettings(f"{path} is not readable as TOML: {error}", "rig.toml.example shows the form") from None
        return one_by_one


_NAME: Final = re.compile(r"[ \t]*([A-Za-z_][\w-]*)")
# What begins here goes on over lines that look like settings of their own: a table, a text of several lines.
_REACHES_FURTHER: Final = re.compile(r"^[ \t]*\[|\"\"\"|'''", re.MULTILINE)


def _read_one_by_one(text: str) -> Mapping[str, Any] | None:
    """None where nobody can tell which lines are one setting."""
    if _REACHES_FURTHER.search(text):
        return None
    found: dict[str, Any] = {}
    for name, lines in _list_settings(text):
        try:
            read = parse_toml(lines)
        except ValueError as error:
            read = {name: Wrong(f"not readable as TOML: {error}")}
        if not name and read:
            return None
        if any(REPLACED in str(value) for value in read.values()):
            read = {name: Wrong("it is not UTF-8")}
        found.update({one: Wrong("it is there twice") if one in found else value for one, value in read.items()})
    return found


def _list_settings(text: str) -> Iterator[tuple[str, str]]:
    """The first word of each setting, and its lines, below as many empty ones as lie above it; what stands above all is
    nobody's."""
    name, before, lines = "", 0, list[str]()
    for number, line in enumerate(text.splitlines()):
        if first := _NAME.match(line):
            yield name, "\n" * before + "\n".join([*lines, ""])
            name, before, lines = first[1], number, []
        lines.append(line)
    yield name, "\n" * before + "\n".join([*lines, ""])
