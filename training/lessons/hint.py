"""What a check says: hints, as data. A hint tells what is missing, why it matters and where to look; never the code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.lessons.script import Script


@dataclass(frozen=True)
class Hint:
    """*key* names the hint for tests; *missing*, *why* and *next* are one or two plain sentences each."""

    key: str
    missing: str
    why: str
    next: str


@dataclass(frozen=True)
class Check:
    """*says*: what is right once *run* comes back without raising Lacks."""

    says: str
    run: Callable[[Script], None]


@dataclass(frozen=True)
class KnownError:
    """An error of the learner's script whose text holds *words*: *hint* tells what MXNet meant.

    *lacks*: only where this word is nowhere in the script, for MXNet says the same of different things.
    """

    words: str
    hint: Hint
    lacks: str = ""

    def fits(self, message: str, source: str) -> bool:
        return self.words in message and not (self.lacks and self.lacks in source)


class Lacks(Exception):
    """Something is missing in the learner's script."""

    def __init__(self, hint: Hint) -> None:
        super().__init__(hint.missing)
        self.hint = hint


def expect(holds: object, hint: Hint) -> None:
    """Raises Lacks with *hint* unless *holds*."""
    if not holds:
        raise Lacks(hint)


def absent(name: str) -> Hint:
    return Hint(
        "absent",
        f"There is no `{name}` in your script.",
        "The check finds your work by its name.",
        f"Give your function (or class) the name `{name}`, as the task on the card does.",
    )


def empty(name: str) -> Hint:
    return Hint(
        "empty",
        f"`{name}` gives nothing back yet (None).",
        "Either it is not written, or its last line does not return what it has computed.",
        f"Read what the card asks of `{name}`, close the card, and write it from memory.",
    )


def wrong_kind(name: str, wanted: str, found: object) -> Hint:
    return Hint(
        "kind",
        f"`{name}` gives a {type(found).__name__}; the task asks for {wanted}.",
        "Other code goes on with the result, and asks it for things that only the right kind has.",
        f"Look at the last line of `{name}`: what kind of thing does it return?",
    )
