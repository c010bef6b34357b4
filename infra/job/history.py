"""What runs/ tells of the runs that are home, in numbers that can be drawn. Every word and number of it is foreign.

Any program may have written any of it, of any shape and size: what is none of what is expected is left out, and what
is expected is kept short.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from infra.host.facts import RunFacts
from infra.job import artifacts
from infra.job.artifacts import as_number, parse_object
from infra.job.run_folders import runs_home, started_at
from infra.names import METRICS, REPORT, SETTINGS

MOST_BYTES: Final = 4 << 20  # of one file: more is no file of a run that one wants to see in a table
MOST_POINTS: Final = 100  # of one curve
MOST_NAMES: Final = 60  # settings, curves or scores of one run
MOST_LETTERS: Final = 300  # of one text
_BY_EPOCH: Final = re.compile(rb'"(?:valid_|train_)')  # rows of an epoch's end: few, and never thinned out


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """One run at home. *curves*: by name, points of (step, seconds, value). *state*: see `_state_of`."""

    name: str
    what: str
    state: str
    started: str
    seconds: float
    instance_type: str
    score: float | None = None
    metric: str = ""
    higher_is_better: bool = True
    samples_per_s: float | None = None
    report: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[float, float, float]]] = field(default_factory=dict)


def past_runs(runs: Path) -> tuple[PastRun, ...]:
    """Every run in *runs*, oldest first."""
    return tuple(_read_run(runs / one.name, one) for one in runs_home(runs))


def _read_run(folder: Path, one: RunFacts) -> PastRun:
    end, summary, settings = artifacts.ending(folder), artifacts.summary(folder), _read_json(folder / SETTINGS)
    return PastRun(
        name=one.name,
        what=_text(settings.get("job") or summary.get("job") or " ".join(end.get("command", [])) or one.name),
        state=_state_of(one, summary),
        started=started_at(one),
        seconds=end.get("seconds", 0.0) + end.get("seconds_before", 0.0),
        instance_type=_text(end.get("instance_type", "")),
        score=as_number(summary.get("score")),
        metric=_text(summary.get("metric", "")),
        higher_is_better=summary.get("higher_is_better") is not False,
        samples_per_s=as_number(summary.get("samples_per_s")),
        report=(folder / REPORT).is_file(),
        scores=_numbers(summary.get("scores")),
        settings={_text(key): _text(value) for key, value in _some(settings) if key != "job"},
        curves=_read_curves(folder / METRICS),
    )


def _state_of(one: RunFacts, summary: Mapping[str, Any]) -> str:
    """ "done", "failed", "cancelled", "interrupted" (it saved, and can go on), or "not ended" as far as is known."""
    if one.exit_code is None:
        return "not ended"
    if summary.get("reason") == "interrupted":
        return "interrupted"
    if one.signal:
        return "cancelled"
    return "failed" if one.exit_code else "done"


def _read_curves(path: Path) -> dict[str, list[tuple[float, float, float]]]:
    curves: dict[str, list[tuple[float, float, float]]] = {}
    for row in _read_rows(path):
        step = as_number(row.get("step"))
        seconds = as_number(row.get("seconds"))
        for name, value in _numbers(row).items():
            if step is not None and name not in ("step", "seconds", "epoch"):
                curves.setdefault(name, []).append((step, seconds or 0.0, value))
    return {name: _thin_out(points) for name, points in _some(curves)}


def _read_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    """Rows of the epochs' ends, and of the others about as many as can be drawn."""
    lines = _read_bytes(path).splitlines()
    every = math.ceil(len(lines) / (4 * MOST_POINTS)) or 1
    for number, line in enumerate(lines):
        if number % every == 0 or number == len(lines) - 1 or _BY_EPOCH.search(line):
            row = parse_object(line)
            if row:
                yield row


def _thin_out(points: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    every = math.ceil(len(points) / MOST_POINTS) or 1
    return points[::every] + ([points[-1]] if (len(points) - 1) % every else [])


def _numbers(found: object) -> dict[str, float]:
    """The finite numbers of a JSON object."""
    named = [(key, as_number(value)) for key, value in _some(found)]
    return {_text(key): float(f"{value:.6g}") for key, value in named if value is not None}


def _some(found: object) -> list[tuple[str, Any]]:
    return list(found.items())[:MOST_NAMES] if isinstance(found, dict) else []


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS] + "..."


def _read_json(path: Path) -> Mapping[str, Any]:
    return parse_object(_read_bytes(path))


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError:
        return b""
