"""The live screen of a run: how it goes, what its machine does, what it costs, and what will end it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from infra import budget
from infra.cli.progress import percent_of
from infra.cli.screens.instance import render_most, would
from infra.cli.screens.layout import render_rows
from infra.cli.screens.plot import plot
from infra.job.artifacts import as_number
from infra.job.outcome import moment
from infra.job.run_names import start_of

if TYPE_CHECKING:
    from infra.workflows.status import Standing
    from infra.workflows.watch import Glance, Gpu, Load

_BAR: Final = 30
_LOWER_IS_BETTER: Final = re.compile(r"loss|err|rmse|mae|mse|perplexity|nll", re.IGNORECASE)
_SCORES: Final = re.compile(r"(?:valid|val|test|eval)_(?!loss)\w+|(?:valid|val)_loss")
_SPEED: Final = re.compile(r"([\d,.]+ (?:samples|images|rows|it|items|steps)/s)")
_LEFT: Final = re.compile(r"(\d+:\d\d(?::\d\d)?) left")
_GIB: Final = 1 << 30
_FAR: Final = 10.0


@dataclass(frozen=True)
class Course:
    """How a run goes, as its log and its metrics say; what they do not say is empty or None."""

    percent: int | None
    seconds: float
    left: str
    text: str
    speed: str


def course_of(seen: Glance, now: datetime) -> Course:
    last = next((line for line in reversed(seen.log) if percent_of(line) is not None), "")
    percent = percent_of(last)
    began = start_of(seen.run.name) or moment(seen.run.started) or now
    seconds = max((now - began).total_seconds(), 0.0) if seen.took_s is None else seen.took_s
    said = next((found[1] for line in reversed(seen.log) if (found := _LEFT.search(line))), "")
    speed = next((found[1] for line in reversed(seen.log) if (found := _SPEED.search(line))), "")
    left = said or (budget.stopwatch(seconds * (100 - percent) / percent) if percent else "")
    return Course(percent, seconds, "" if seen.ended or percent == 100 else left, last.partition("] ")[2], speed)


def render_line(seen: Glance, standing: Standing, now: datetime) -> str:
    """All of it on one line, for a pipe."""
    course = course_of(seen, now)
    parts = [
        f"{now:%H:%M:%S} {seen.run.name}",
        "ended" if seen.ended else "running",
        *([f"{course.percent}%"] if course.percent is not None else []),
        *(f"{name} {value:.4g}" for name, value in newest(seen.rows).items()),
        *([course.speed] if course.speed else []),
        *([f"{course.left} left"] if course.left else []),
        *(f"GPU {number} {gpu.busy}% {gpu.used_mib} MiB" for number, gpu in enumerate(seen.gpus)),
        *([_render_load(seen.load)] if seen.load else []),
        f"spent {_render_spent(standing, now)} of {render_most(standing.usd_worst)} at most",
    ]
    return "  ".join(parts)


def render_watch(
    seen: Glance, standing: Standing, now: datetime, *, width: int, log_lines: int, plot_lines: int = 1
) -> str:
    """*plot_lines*: the height of each curve."""
    course = course_of(seen, now)
    rows = [
        ("phases", _render_phases(seen, standing, course)),
        *_progress_rows(course),
        *_curve_rows(seen.rows, width=max(width - 50, 16), height=plot_lines),
        *[(f"GPU {number}", _render_gpu(gpu)) for number, gpu in enumerate(seen.gpus)],
        *([("host", _render_load(seen.load))] if seen.load else []),
        ("money", f"{_render_spent(standing, now)} since this start, {render_most(standing.usd_worst)} at most"),
        *_safeguard_rows(seen, standing),
    ]
    log = [f"  {line[: max(width - 2, 20)]}" for line in seen.log[-log_lines:]] if log_lines else []
    return "\n".join([seen.run.name, render_rows(rows), "", *log])


def _render_phases(seen: Glance, standing: Standing, course: Course) -> str:
    up = f"machine up {budget.duration(standing.running_s)}"
    went = f"run {budget.stopwatch(course.seconds)}"
    steps = [
        up,
        went if not seen.ended else "run ended",
        "results home" if seen.run.fetched else "results not home yet",
    ]
    now = 1 if not seen.ended else 2
    return " > ".join(f"[{step}]" if number == now else step for number, step in enumerate(steps))


def _progress_rows(course: Course) -> Iterator[tuple[str, str]]:
    if course.percent is not None:
        full = round(_BAR * course.percent / 100)
        left = f", {course.left} left" if course.left else ""
        yield "run", f"{'━' * full}{'─' * (_BAR - full)} {course.percent:3}%  {budget.stopwatch(course.seconds)}{left}"
        yield "", course.text
    if course.speed:
        yield "speed", course.speed


def newest(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The newest value of each number but the counters, in the order of their first row."""
    found: dict[str, float] = {}
    for one in rows:
        for name, value in one.items():
            number = as_number(value)
            if number is not None and name not in ("step", "epoch", "seconds", "lr"):
                found[name] = number
    return found


def _curve_rows(rows: Sequence[Mapping[str, Any]], *, width: int, height: int) -> Iterator[tuple[str, str]]:
    """The loss and the score as curves, with the newest value and the best one."""
    curves = {name: _values(rows, name) for name in newest(rows)}
    loss = next((name for name in ("loss", "train_loss", "training_loss") if name in curves), "")
    score = next((name for name in curves if _SCORES.fullmatch(name)), "")
    for name in filter(None, (loss, score)):
        values = [value for _, value in curves[name]]
        first, *further = plot(_on_scale(values), width=width, height=height)
        yield name[:14], f"{values[-1]:<8.4g} {first}{_render_best(name, curves[name]) if name == score else ''}"
        for line in further:
            yield "", f"{'':<8} {line}"


def _on_scale(values: Sequence[float]) -> Sequence[float]:
    """Its logarithm, where a loss falls so far that nothing else of it would be seen."""
    if min(values) > 0 and max(values) / min(values) > _FAR:
        return [math.log(value) for value in values]
    return values


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float | None, float]]:
    pairs = ((as_number(one.get("epoch")), as_number(one.get(name))) for one in rows)
    return [(epoch, value) for epoch, value in pairs if value is not None]


def _render_best(name: str, values: Sequence[tuple[float | None, float]]) -> str:
    choose = min if _LOWER_IS_BETTER.search(name) else max
    epoch, best = choose(values, key=lambda pair: pair[1])
    return f"  best {best:.4g}{f' (epoch {epoch:.0f})' if epoch is not None else ''}"


def _render_gpu(gpu: Gpu) -> str:
    total = f" of {gpu.total_mib:,}" if gpu.total_mib else ""
    return f"{gpu.busy:3} % {_gauge(gpu.busy / 100)}  {gpu.used_mib:,}{total} MiB"


def _render_load(load: Load) -> str:
    busy = "" if load.busy is None else f"CPU {load.busy:.0f} % of {load.processors}, "
    return f"{busy}memory {load.used_bytes / _GIB:.1f} of {load.total_bytes / _GIB:.1f} GiB"


def _gauge(share: float) -> str:
    full = round(10 * max(0.0, min(share, 1.0)))
    return "█" * full + "░" * (10 - full)


def _render_spent(standing: Standing, now: datetime) -> str:
    """AWS was asked a while ago; the clock has gone on."""
    if standing.usd_per_hour is None:
        return "nobody knows what"
    usd = budget.usd_spent(standing.usd_per_hour, started_at=standing.instance.launched_at, now=now)
    return f"{would(standing)}{budget.usd(usd)}"


def _safeguard_rows(seen: Glance, standing: Standing) -> Iterator[tuple[str, str]]:
    for number, safeguard in enumerate(standing.safeguards):
        said = str(safeguard).removeprefix("safeguard ")
        if safeguard.number == 1 and seen.guard:
            use = ", ".join(seen.guard.busy) or f"nothing for {budget.duration(seen.guard.idle_s)}"
            said = f"1, the guard: off in {budget.duration(seen.guard.off_in_s)}; sees {use}"
        yield "" if number else "safeguards", said
