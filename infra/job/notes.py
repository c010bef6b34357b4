"""What the user notes of a run, and its tags: runs/.notes/NAME.json.

Beside the run's folder, not in it: that holds what the run left, whole as its manifest says, and a program may write a
file of any name into it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from infra.errors import UserError
from infra.secrets import looks_secret

FOLDER: Final = ".notes"
LONGEST: Final = 2000
_TAG: Final = re.compile(r"[\w.+-]{1,40}")


@dataclass(frozen=True)
class Note:
    text: str = ""
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([*(f"#{tag}" for tag in self.tags), self.text]).strip()


def read_note(run: Path) -> Note:
    """That of the run whose folder is *run*; empty where there is none, or one that nobody can read."""
    try:
        said: Any = json.loads(_file_of(run).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Note()
    if not isinstance(said, dict):
        return Note()
    text, tags = said.get("text", ""), said.get("tags", ())
    known = tuple(tag for tag in tags if isinstance(tag, str) and _TAG.fullmatch(tag)) if isinstance(tags, list) else ()
    return Note(_on_one_line(text)[:LONGEST] if isinstance(text, str) else "", known)


def _on_one_line(text: str) -> str:
    """As a table can show it; bytes of a command line that are no letters cannot be written down."""
    return " ".join(text.encode(errors="replace").decode().split())


def _file_of(run: Path) -> Path:
    return run.parent / FOLDER / f"{run.name}.json"


def parse_tags(text: str) -> tuple[str, ...]:
    """ "good, #lr-sweep" -> ("good", "lr-sweep")."""
    tags = tuple(dict.fromkeys(word.lstrip("#") for word in re.split(r"[\s,]+", text) if word.strip("#")))
    strange = [tag for tag in tags if not _TAG.fullmatch(tag)]
    if strange:
        raise UserError(f"{strange[0][:60]!r} is no tag.", "letters, digits and . + - _ only, 40 at most")
    return tags


def write_note(run: Path, *, text: str | None, tags: Sequence[str] | None) -> Note:
    """What is None stays as it was; what is empty is taken away. Written aside first: a crash leaves the old one."""
    if text is not None and len(text) > LONGEST:
        raise UserError(f"That note has {len(text):,} letters; {LONGEST:,} is the most.")
    if text and looks_secret(text):
        raise UserError("That note holds what looks like a credential; it would stand in reports and tables.")
    old = read_note(run)
    new = Note(old.text if text is None else _on_one_line(text), old.tags if tags is None else tuple(tags))
    file = _file_of(run)
    file.parent.mkdir(exist_ok=True)
    aside = file.with_name(f".{file.name}-{os.getpid()}")
    aside.write_text(json.dumps(asdict(new), ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(file)
    return new
