"""Where words to the user go: progress to stderr, the product to stdout. The one door for all that is printed.

Much of it was written by others: logs, names, tags, AWS's messages, the texts of errors. A terminal obeys what it is
sent: it would put text on the clipboard (OSC 52), hide lines, or show a name backwards. So nothing of that passes.
What a terminal understands: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html (7-bit and 8-bit forms).

Printing never raises: a reader who has gone must not keep the rest of a command, such as the end of a bill, from its
turn.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol, TextIO

from infra.secrets import without_secrets

Tell = Callable[[str], None]
"""Says one line of progress, above the call it announces. Handed down as an argument, so that tests can listen."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_COLOUR: Final = r"(?P<colour>\x1b\[[0-9;:]*m)"
# What they carry is no text either: up to their end, but never beyond another control character.
_STRING: Final = r"(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)"
_OTHER: Final = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
# Controls but tab and newline; line separators; what turns the order of letters round; halves of a pair of surrogates.
_ALONE: Final = r"(?P<alone>[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff])"
_NOT_TEXT: Final = re.compile("|".join((_COLOUR, _STRING, _OTHER, _ALONE)))
_RESET: Final = "\x1b[0m"
_lost: set[str] = set()  # the streams that nobody reads any more


def plain(text: str) -> str:
    """*text* as a terminal may be given it: sequences are left out, any other control is shown as REPLACEMENT."""
    safe = without_secrets(text.replace("\r\n", "\n"))
    return _NOT_TEXT.sub(lambda found: REPLACEMENT if found["alone"] else "", safe)


def coloured(line: str) -> str:
    """Like *plain*, but colours stay, and end with the line."""
    known = without_secrets(line)
    safe = _NOT_TEXT.sub(lambda found: found["colour"] or (REPLACEMENT if found["alone"] else ""), known)
    return safe + _RESET if "\x1b" in safe else safe


class Companion(Protocol):
    """What moves at the end of a terminal while a command works: it makes room for what is printed."""

    def tell(self, text: str) -> None: ...

    def make_room(self) -> None: ...


_companions: Final[list[Companion]] = []


@contextmanager
def accompanied(companion: Companion) -> Iterator[None]:
    """All that is printed meanwhile goes past *companion*."""
    _companions.append(companion)
    try:
        yield
    finally:
        _companions.remove(companion)


def tell(line: str) -> None:
    text = plain(line)
    if _companions:
        _companions[-1].tell(text)
    else:
        _write("stderr", text, painted=True)


def pass_on(line: str) -> None:
    """Show a line of somebody's log."""
    _write("stderr", coloured(line))


def ask(question: str) -> None:
    """Say what is asked; the answer is typed beside it."""
    _make_room()
    _write("stderr", plain(question), end=" ")


def ring() -> None:
    """The terminal's bell, where somebody hears it."""
    if sys.stderr is not None and sys.stderr.isatty():
        _write("stderr", "\a", end="")


def deliver(text: str) -> None:
    """Print the product of a command, as it stands: what a program reads, or a user copies."""
    _make_room()
    _write("stdout", plain(text))


def present(text: str) -> None:
    """Print the product of a command for a reader."""
    _make_room()
    _write("stdout", plain(text), painted=True)


def companion() -> Companion | None:
    return _companions[-1] if _companions else None


def _make_room() -> None:
    if _companions:
        _companions[-1].make_room()


def delivered() -> bool:
    """Whether all of the product so far was taken."""
    return "stdout" not in _lost


def open_standard_streams() -> None:
    """Give a closed standard stream (`rig status >&-`) a place: else the next file opened would become it."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _write(name: str, text: str, *, end: str = "\n", painted: bool = False) -> None:
    stream = getattr(sys, name)
    if stream is None or name in _lost:
        return
    known = stream.encoding or "utf-8"  # LANG=C on an old system: ASCII
    shown = text.encode(known, "backslashreplace").decode(known)
    try:
        if not (painted and _paint(stream, shown)):
            stream.write(shown + end)
        stream.flush()
    except (OSError, ValueError) as error:  # the reader has gone, the disk is full; ValueError: closed
        _lose(name, error)


def _paint(stream: TextIO, text: str) -> bool:
    """Whether somebody looks, and has been shown *text*."""
    if not stream.isatty():
        return False
    from infra.console.paint import console_for, paint

    console = console_for(stream)
    if console is not None:
        paint(console, text)
    return console is not None


def _lose(name: str, error: Exception) -> None:
    _lost.add(name)
    with suppress(OSError, ValueError):  # Python flushes once more at its end, and would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, name).fileno())
    if not isinstance(error, BrokenPipeError):  # `rig status | head` has seen enough; a full disk has not
        tell(f"What should be printed could not be: {error}")
