"""What a text may be: each function returns the value that a setting's text stands for, or raises ValueError, which
says what is wrong with it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final


def words(text: str) -> tuple[str, ...]:
    """Split "g4dn.xlarge, g6.xlarge" into its parts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


ANSWERS: Final = {
    "1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False,
}  # fmt: skip


def yes_or_no(text: str) -> bool:
    try:
        return ANSWERS[text.strip().lower()]
    except KeyError:
        raise ValueError("say 1 or 0") from None


def between(minimum: float, maximum: float, number: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = number(_plain(text))
        except ValueError:
            point = ", such as 1.5: no unit, and a point, no comma" if number is float else ""
            raise ValueError(f"not a {'whole ' if number is int else ''}number{point}") from None
        # `not <=` also refuses "nan", which compares false with everything.
        if not minimum <= value <= maximum:
            raise ValueError(f"must be at least {minimum:g}, and {maximum:,.10g} at most")
        return value

    return parse


def _plain(text: str) -> str:
    """*text*. Raises ValueError where Python alone would take it for a number: 1_000, or digits of another script."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


NONE: Final = "none"


def dollars(text: str) -> float | None:
    """None for no budget. Zero is not taken for that: it says that nothing may be spent."""
    if text.strip().lower() == NONE:
        return None
    value: float = between(0, 100_000, float)(text)
    if not value:
        raise ValueError(f"for nothing there is no machine; for no budget leave it out, or say {NONE}")
    return value


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError("one of: " + ", ".join(choices))
        return text

    return parse


def name_like(text: str) -> str:
    """A name that AWS takes in a tag, a key pair and an alarm alike."""
    if not text or len(text) > 40 or not all(c.isascii() and (c.isalnum() or c in "-_") for c in text):
        raise ValueError("letters, digits, - and _ only, 40 at most")
    return text


def one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("there is a character in it that cannot be printed")
    return text


def path(text: str) -> str:
    """A file or a folder of this computer; it need not be there."""
    if "\0" in text:
        raise ValueError("no path has a zero byte in it")
    if text.startswith("~"):
        try:
            Path(text).expanduser()
        except RuntimeError:  # of somebody who has no account here
            raise ValueError("there is no such home folder") from None
    return text


DESKTOP = "desktop"


def is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def way_to_notify(text: str) -> str:
    """ "desktop", an address, or the words of a command, which must be such."""
    if text != DESKTOP and not is_url(text):
        try:
            shlex.split(text)
        except ValueError as error:
            raise ValueError(f"no command: {error}") from None
    return text
