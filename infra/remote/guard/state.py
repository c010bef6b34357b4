"""The guard's files: what it remembers, what it shows, and why it ended the machine."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, fields
from typing import Any

from .decide import Memory

SPARE_BYTES = 65536
ENDINGS_KEPT = 20


def write_whole(path: str, value: Any, durable: bool = False) -> bool:
    """Replace *path* so that a reader sees the old file or the new one. False when the disk does not take it.

    Only *durable* waits for the disk: the memory is written every tick, and a crash may cost its last seconds.
    """
    aside = path + ".new"
    try:
        with open(aside, "w") as file:
            file.write(json.dumps(value, indent=1) + "\n")
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError:
        return False
    return True


def read(path: str) -> dict[str, Any]:
    try:
        with open(path) as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def save_memory(path: str, memory: Memory) -> bool:
    return write_whole(path, asdict(memory))


def load_memory(path: str) -> Memory | None:
    """None when there is none, or one that a newer or older guard wrote, or half of one."""
    said = read(path)
    plain = {field.name: said.get(field.name) for field in fields(Memory)}
    try:
        return Memory(
            **{name: _like(value, getattr(_SAMPLE, name), name in _MAY_BE_NONE) for name, value in plain.items()}
        )
    except TypeError:
        return None


_SAMPLE = Memory(boot="", off_at_s=0.0, idle_minutes=0.0, deadline=0.0, mercy_until_s=0.0)
_MAY_BE_NONE = ("deadline", "mercy_until_s")


def _like(value: Any, sample: Any, may_be_none: bool) -> Any:
    if value is None and may_be_none:
        return None
    if isinstance(sample, float) and isinstance(value, (int, float)) and value == value:
        return float(value)
    if type(value) is not type(sample):
        raise TypeError(value)
    return value


def keep_spare(path: str) -> None:
    """Hold a little of the disk back, so that the reason of an ending can be written when the disk is full."""
    try:
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(os.urandom(SPARE_BYTES))  # random: no file system can fold it away
    except OSError:
        pass  # full already; the reason then stands on the console alone


def record_ending(path: str, spare: str, ending: dict[str, Any]) -> bool:
    """Put *ending* on top of the earlier ones. Called again for the same moment ("at"), it replaces it."""
    before = read(path)
    history = before.pop("history", [])
    if before and before.get("at") != ending.get("at"):
        history = [before] + (history if isinstance(history, list) else [])
    whole = dict(ending, history=history[: ENDINGS_KEPT - 1])
    if write_whole(path, whole, durable=True):
        return True
    with contextlib.suppress(OSError):
        os.unlink(spare)
    return write_whole(path, whole, durable=True)


def adopt_backstop(mark: str, ended: str, spare: str) -> None:
    """Put on record when the backstop fired: it is plain sh, and writes the time and no JSON."""
    try:
        with open(mark) as file:
            moments = file.read().split()
    except OSError:
        return
    detail = "the guard had failed to, eight minutes past the deadline; its backstop did it"
    for moment in moments:
        record_ending(ended, spare, {"reason": "backstop", "detail": detail, "at": moment})
    with contextlib.suppress(OSError):
        os.unlink(mark)
