"""What may be tried: a few lines of TOML, checked against the job's own keys before anything starts.

lr = { low = 1e-4, high = 1e-1, log = true }
hidden = { low = 16, high = 64, step = 16 }
optimizer = ["adam", "sgd"]
num_epochs = 4
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from training.config import JobConfig, Lengths, nearest, parse
from training.errors import BadInput

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KEYS = {"low", "high", "log", "step"}
_MOST = sys.float_info.max / 4
_MOST_STEPS = 2**53  # above it not every whole number has a float, which the points are reckoned in


@dataclass(frozen=True)
class Range:
    """From *low* to *high*, both included; *log*: each power of ten counts alike; *step*: 0 for none."""

    low: float
    high: float
    log: bool = False
    step: float = 0
    whole: bool = False


@dataclass(frozen=True)
class Space:
    """*open*: what varies, by key; *fixed*: "key=value" words that every trial is given."""

    open: Mapping[str, Range | tuple[Any, ...]]
    fixed: tuple[str, ...]


def read_space(said: str, config: type[JobConfig], fixed: tuple[str, ...] = ()) -> Space:
    """*said*: a file of TOML, or its text, of a line or more. Raises BadInput, which lists everything that is wrong.
    *fixed*: words of the command line; they win."""
    path = "the space" if "\n" in said else said
    try:
        rows = tomllib.loads(said if "\n" in said else Path(said).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} cannot be read: {error}", "docs/scaling.md shows what a space looks like") from error
    kinds, problems = get_type_hints(config), []
    open_: dict[str, Range | tuple[Any, ...]] = {}
    constants: list[str] = []
    for key, row in rows.items():
        if key not in {one.name for one in fields(config)}:
            problems.append(f"{key}: there is no such key" + nearest(key, kinds))
            continue
        try:
            found = _entry(row, kinds[key])
            for word in _words(key, found):
                parse(config, [word])
        except ValueError as error:
            problems.append(f"{key}: {error}")
        except BadInput as error:
            problems += [line.strip().removeprefix("- ") for line in error.cause.splitlines()[1:]]
        else:
            if isinstance(found, Range | tuple):
                open_[key] = found
            else:
                constants.append(f"{key}={_text(found)}")
    parse(config, list(fixed))
    given = {word.partition("=")[0] for word in fixed}
    if not set(open_) - given and not problems:
        problems.append("nothing varies")
    if problems:
        raise BadInput(
            f"{path} is no space for this job; nothing was started:\n" + "\n".join(f"  - {one}" for one in problems),
            'lr = { low = 1e-4, high = 1e-1, log = true }, optimizer = ["adam", "sgd"], num_epochs = 4',
        )
    kept = {key: found for key, found in open_.items() if key not in given}
    return Space(kept, (*(word for word in constants if word.partition("=")[0] not in given), *fixed))


def _entry(row: Any, kind: Any) -> Any:
    if isinstance(row, list):
        if not row or not all(isinstance(one, str | int | float) for one in row):
            raise ValueError("a list of choices holds plain values, at least one")
        return tuple(row)
    return _range(row, kind) if isinstance(row, dict) else row


def _range(row: Mapping[str, Any], kind: Any) -> Range:
    if kind not in (int, float, Lengths):
        raise ValueError("has no range; give a list of choices")
    if unknown := set(row) - _KEYS:
        raise ValueError(f"{sorted(unknown)[0]}: there is no such word; low, high, log and step are known")
    numbers: list[Any] = [row.get("low"), row.get("high"), row.get("step", 0)]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
        raise ValueError("low and high must be numbers, and both be there")
    low, high, step = numbers
    if not all(abs(one) < _MOST for one in numbers):  # also false of what is no number
        raise ValueError("low, high and step must be finite")
    if kind is int and any(one != int(one) for one in numbers):
        raise ValueError("is a whole number, so low, high and step are")
    if not low < high or not 0 <= step <= high - low:
        raise ValueError("low must be below high, and step between 0 and what lies between them")
    one_step = step or (1 if kind is int else 0)
    if one_step and (high - low) / one_step > _MOST_STEPS:
        raise ValueError("has too many values for such a step")
    if row.get("log") and (low <= 0 or step):
        raise ValueError("with log, low must be above 0, and there is no step")
    return Range(low, high, bool(row.get("log")), step, whole=kind is int)


def _words(key: str, found: Any) -> list[str]:
    """What must pass the job's own look: the ends of a range, and each choice."""
    if isinstance(found, Range):
        kind = int if found.whole else float
        return [f"{key}={kind(found.low)}", f"{key}={kind(found.high)}"]
    return [f"{key}={_text(one)}" for one in (found if isinstance(found, tuple) else (found,))]


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def as_words(settings: Mapping[str, Any]) -> list[str]:
    """A trial's settings as the command line takes them."""
    return [f"{key}={_text(value)}" for key, value in settings.items()]
