"""How our own text looks on a terminal: wrapped between words with hanging indents, coloured by what it means.

In a pipe it stays as it is, a line for a line. NO_COLOR and TERM=dumb are Rich's to obey: https://no-color.org
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MEANINGS: Final = {
    "money": r"\$\d[\d,]*(?:\.\d+)?(?:/h| per month)?",
    "command": r"`[^`]+`",
    "danger": (
        r"^rig: |^ *NO  |!(?=\s|$)|(?<!training command: )\bnot armed\b"  # that one is a choice
        r"|\b(?:TOO SMALL|NOT CARRIED OUT|still there|lost)\b"
    ),
    "done": r"^ *(?:ok|ready)  |^Nothing stands in the way|^removed|\bDone\.|\bbest so far\b",
    "unsure": r"^ *\?   ",
}
STYLES: Final = {"money": "bold cyan", "command": "bold", "danger": "bold red", "done": "green", "unsure": "yellow"}
WIDEST: Final = 120  # longer lines are hard to read: https://www.w3.org/WAI/WCAG21/Understanding/visual-presentation
# What stands before the text of a line: spaces, an arrow, a number, "rig: ", or a label with two spaces behind it.
_BEFORE: Final = re.compile(
    r"( *(?:-> |- |\* |\d+\. )|rig: | +(?:ok|NO|\?) +\S+(?: \S+)*?  +| +\S+(?: \S+)*?  +)(?=\S)| *"
)


def paint(console: Console, text: str) -> None:
    for line in paint_lines(text, console.width):
        console.print(line, soft_wrap=True, highlight=False)


def paint_lines(text: str, width: int) -> list[Text]:
    from rich.text import Text

    parts = (part for line in text.split("\n") for part in wrap(line, min(width, WIDEST)))
    return [Text.assemble(*part) for part in parts]


def wrap(line: str, width: int) -> list[list[Text]]:
    """The lines that *line* becomes, each as its indent and its words."""
    from rich.text import Text

    before = _BEFORE.match(line)
    assert before
    start = before.end() if before.end() < width // 2 else 0
    hang = start or 2
    whole = Text(line)
    for meaning, pattern in MEANINGS.items():
        whole.highlight_regex(pattern, STYLES[meaning])
    first, rest = whole[:start], whole[start:]
    lines = _fill(rest, width - hang)
    return [[first if not number else Text(" " * hang), one] for number, one in enumerate(lines)]


def _fill(text: Text, width: int) -> list[Text]:
    """*text* in lines of at most *width*, cut between words alone: a path or a name stays whole, to be copied."""
    cuts, start = [], 0
    for word in re.finditer(r"\S+", text.plain):
        if word.end() - start > width and word.start() > start:
            cuts.append(word.start())
            start = word.start()
    lines = list(text.divide(cuts))
    for one in lines:
        one.rstrip()
    return lines


def console_for(stream: TextIO) -> Console | None:
    """None where nobody looks: a pipe, a file, a terminal that knows no movement."""
    try:
        if not stream.isatty() or os.environ.get("TERM") == "dumb":
            return None
    except (OSError, ValueError):
        return None
    from rich.console import Console

    return Console(file=stream, legacy_windows=False)
