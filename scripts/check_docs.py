"""Checks the documents against the project: every relative link leads somewhere, every `make WORD` exists.

python scripts/check_docs.py    exit 1 and one line per fault, as FILE:LINE: what is wrong
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

PROJECT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|`|\$ )make ([^`#|;&]*)")
WORD = re.compile(r"[a-z][a-z-]*")
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def documents(project: Path) -> list[Path]:
    return sorted([*project.glob("*.md"), *project.glob("docs/**/*.md")])


def targets(makefile: str) -> set[str]:
    return set(TARGET.findall(makefile))


def dead_links(document: Path, line: str) -> Iterator[str]:
    for link in LINK.findall(line):
        path = unquote(link.partition("#")[0])
        if path and "://" not in path and not path.startswith("mailto:") and not (document.parent / path).exists():
            yield f"the link leads nowhere: {link}"


def unknown_words(line: str, known: set[str]) -> Iterator[str]:
    for command in COMMAND.findall(line):
        for word in command.split():
            if not WORD.fullmatch(word):
                break  # NAME=value, VERB, or the end of the command
            if word not in known:
                yield f"the Makefile has no `{word}`"


def code(text: str) -> Iterator[tuple[int, str, bool]]:
    """Each line with its number, and whether it stands in a fenced block."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        yield number, line, fenced


def faults(project: Path) -> Iterator[str]:
    known = targets((project / "Makefile").read_text())
    for document in documents(project):
        for number, line, fenced in code(document.read_text()):
            # Outside a fenced block only `make ...` in backquotes is a command: "make sure" is English.
            found = [] if fenced else [*dead_links(document, line)]
            spans = line if fenced else " ".join(f"`{span}`" for span in re.findall(r"`([^`]+)`", line))
            for fault in [*found, *unknown_words(spans, known)]:
                yield f"{document.relative_to(project)}:{number}: {fault}"


def main() -> int:
    found = list(faults(PROJECT))
    print("\n".join(found) or "documents: no dead link, no unknown word", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
