"""Whatever a host says is foreign: here, once, it becomes a value that can do no harm, or is refused with ValueError.

What passes may be joined to a folder, printed, and counted with. A host may be broken, old, or somebody else's.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

_LONGEST_TEXT = 10_000
_HUGE = 1 << 63  # what a file system can count to
_TAKEN = ("latest",)  # runs/latest is ours


def json_object(said: bytes | str) -> Mapping[str, Any]:
    try:
        value = json.loads(said)
    except RecursionError:  # a million brackets
        raise ValueError("nested too deeply") from None
    return mapping(value)


def mapping(said: object) -> Mapping[str, Any]:
    if not isinstance(said, dict):
        raise ValueError(f"no JSON object: {make_printable(str(said))}")
    return said


def words(said: object) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(isinstance(word, str) for word in said):
        raise ValueError(f"no list of words: {make_printable(str(said))}")
    return tuple(make_printable(word) for word in said)


def count(said: object) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said < _HUGE:
        raise ValueError(f"no count: {make_printable(str(said))}")
    return said


def moment_ns(said: object) -> int:
    """Nanoseconds since 1970; before it too, for files may claim any age."""
    if not isinstance(said, int) or isinstance(said, bool) or not -_HUGE < said < _HUGE:
        raise ValueError(f"no time: {make_printable(str(said))}")
    return said


def amount(said: object) -> float:
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not math.isfinite(float(said)) or said < 0:
        raise ValueError(f"no amount: {make_printable(str(said))}")
    return float(said)


def truth(said: object) -> bool:
    if not isinstance(said, bool):
        raise ValueError(f"neither true nor false: {make_printable(str(said))}")
    return said


def text(said: object) -> str:
    if not isinstance(said, str):
        raise ValueError(f"no text: {make_printable(str(said))}")
    return make_printable(said)


def make_printable(said: str) -> str:
    """*said* as a terminal may print it: what is no letter, digit, mark or blank becomes visible."""
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in said[:_LONGEST_TEXT])
    return plain + ("..." if len(said) > _LONGEST_TEXT else "")


def plain_json(said: object) -> Any:
    """A JSON value whose texts can be printed; numbers that are none become null."""
    if isinstance(said, dict):
        return {make_printable(str(name)): plain_json(value) for name, value in said.items()}
    if isinstance(said, list):
        return [plain_json(value) for value in said]
    if isinstance(said, str):
        return make_printable(said)
    return None if isinstance(said, float) and not math.isfinite(said) else said


def run_name(said: object) -> str:
    """The name of a run: one folder below runs/, and part of a container's name."""
    name = text(said)
    if name != said or not 0 < len(name.encode()) <= 200 or "/" in name or "\\" in name:
        raise ValueError(f"no name of a run: {make_printable(str(said))}")
    if name[0] in ".-" or name in _TAKEN:
        raise ValueError(f"no name of a run: {name}")
    return name


def home(said: object) -> str:
    """The login folder there; commands on the host begin with it."""
    folder = text(said)
    if folder != said or not folder.startswith("/") or ".." in folder.split("/"):
        raise ValueError(f"no home folder: {folder}")
    return folder


def inside(said: object) -> str:
    """A path below a run's folder, as the host's disk has it: any letters, but no way out."""
    if not isinstance(said, str) or "\0" in said or not said or said.startswith("/"):
        raise ValueError(f"no path below the run: {make_printable(str(said))}")
    if {"", ".", ".."} & set(said.split("/")) or len(os.fsencode(said)) > 1 << 16:
        raise ValueError(f"no path below the run: {make_printable(said)}")
    return said


def is_digest(said: str) -> bool:
    return len(said) == 64 and not set(said) - set("0123456789abcdef")


def raw(said: object) -> str:
    """Text as the host's disk has it, to be compared or encoded and never printed."""
    if not isinstance(said, str):
        raise ValueError(f"no text: {make_printable(str(said))}")
    os.fsencode(said)  # a lone surrogate that stands for no byte: UnicodeEncodeError is a ValueError
    return said
