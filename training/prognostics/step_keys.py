"""The keys of a description that bring rows to equal steps of time: `step` and `aggregates`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from training.config import nearest

MEAN, SPREAD, MIN, MAX, RMS, KURTOSIS = "mean", "spread", "min", "max", "rms", "kurtosis"
AGGREGATES: Final = (MEAN, SPREAD, MIN, MAX)
"""What is told of a channel's values within a step; spread is their standard deviation."""
OF_SAMPLES: Final = (*AGGREGATES, RMS, KURTOSIS)
"""What is told of a channel's samples where a file is one measurement; kurtosis is 3 for normally distributed ones."""
FILE: Final = "file"
"""The step of a log in which each file is one measurement."""
END: Final = "end"
"""When the step was over: what is told of the time, where it is a channel."""

CLOCKED: Final = ("seconds", "minutes", "hours", "days")
"""The units of time that a clock knows; any other, like cycles, has no length in seconds."""
_CALLED: Final = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_LENGTH: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", re.ASCII)


def seconds_in(text: str) -> float | None:
    """How long "1 min" or "90 s" is; None where *text* is no length of time."""
    found = _LENGTH.fullmatch(text)
    return float(found[1]) * _CALLED[found[2].lower()] if found and found[2].lower() in _CALLED else None


def step_in(given: Mapping[str, Any]) -> float:
    """The step of the description *given*, in its own unit of time; 0: rows as they are, or as many as files."""
    step = given.get("step", 0)
    if step == FILE:
        return 0.0
    if isinstance(step, str):
        return (seconds_in(step) or 0.0) / _CALLED[given["time_unit"]]
    return float(step)


def say_step(step: float, time_unit: str) -> str:
    """ "1 min", "90 s", "4 cycles"."""
    if time_unit not in CLOCKED:
        return f"{step:g} {time_unit}"
    seconds = round(step * _CALLED[time_unit], 6)
    for name, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {name}"
    return f"{seconds:g} s"


def step_problems(given: Mapping[str, Any]) -> list[str]:
    step = given.get("step", 0)
    if step == FILE:
        found = []
    elif isinstance(step, str):
        found = _length_problems(step, given.get("time_unit", "steps"))
    elif isinstance(step, bool) or not isinstance(step, (int, float)) or ("step" in given and not 0 < step < 1e15):
        found = ['step: must be a length of time: a number above 0 in time_unit, or text like "1 min", or "file"']
    else:
        found = []
    return found + _aggregate_problems(given)


def _length_problems(step: str, time_unit: Any) -> list[str]:
    if not seconds_in(step):
        return [f'step: \'{step}\' is no length of time like "30 s", "1 min" or "2 h"']
    if time_unit not in CLOCKED:
        return [
            f"step: '{step}', and time_unit is '{time_unit}': say how many {time_unit}, or one of {', '.join(CLOCKED)}"
        ]
    return []


def _aggregate_problems(given: Mapping[str, Any]) -> list[str]:
    if "aggregates" not in given:
        return []
    names, known = given["aggregates"], OF_SAMPLES if given.get("step") == FILE else AGGREGATES
    if not isinstance(names, list) or not names:
        return [f"aggregates: must be a list of some of {', '.join(known)}"]
    found = [
        f"aggregates: there is no {name!r}{nearest(str(name), known)}; there are {', '.join(known)}"
        for name in names
        if name not in known
    ]
    if len(set(map(str, names))) < len(names):
        found.append("aggregates: one is listed twice")
    return found + ([] if given.get("step") else ["aggregates: are taken over a step, and there is no step"])
