"""report.html, put together from a run's numbers and the job's own sections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape

from training.console import duration, number, plain
from training.report.charts import Series, line_chart
from training.report.style import CSS
from training.trainer.recipe import Section
from training.workdir.metrics import Row
from training.workdir.summary import Summary

_SLICES = 6


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that the page shows. Values in the mappings are shown as they are."""

    card: str
    summary: Summary
    rows: Sequence[Row]
    steps_per_epoch: int
    seconds: Mapping[str, float]
    settings: Mapping[str, object]
    origin: Mapping[str, str]
    hardware: Mapping[str, str]
    sections: Sequence[Section]
    progress: Sequence[Section] = ()
    usd_per_hour: float
    pretended: bool = False


def page(report: Report) -> str:
    title = f"{report.summary.job}: {report.summary.metric} {_number(report.summary.score)}"
    parts = [
        _header(report),
        _tiles(report),
        "<div class=two>" + "".join(_curves(report)) + "</div>",
        *(_section(part) for part in report.sections),
        _section(Section("Where the time went", _time_bar(report.seconds))),
        "<div class=two>" + "".join(_section(part) for part in report.progress) + "</div>",
        "<div class=two>",
        _section(Section("Where it comes from", _facts({**report.origin, **report.hardware}))),
        _section(Section("Settings", _facts(report.settings))),
        "</div>",
        "<footer>Made by Gluon Rig. This file is complete in itself.</footer>",
    ]
    return plain(
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _header(report: Report) -> str:
    first, _, _ = report.card.partition("\n")
    now = datetime.now(timezone.utc).strftime("%d %B %Y, %H:%M UTC")
    return f"<header><h1>{escape(report.summary.job)}</h1><p>{escape(first)}</p><p>{now}</p></header>"


def _tiles(report: Report) -> str:
    s = report.summary
    tiles = [(_number(s.score), f"test {s.metric}", "first")]
    others = [(name, value) for name, value in s.scores.items() if name != s.metric]
    tiles += [(_number(value), f"test {name.replace('_', ' ')}", "") for name, value in others[:4]]
    tiles += [
        (f"{s.best_epoch} <small class=muted>of {s.epochs}</small>", "epoch kept", ""),
        (duration(s.seconds), "minutes in all" if s.seconds < 3600 else "hours in all", ""),
        (f"{s.samples_per_s:,.0f}", f"samples/s on {s.device}", ""),
    ]
    if report.usd_per_hour:
        # Not what the run cost: it has not ended yet, and `rig cost` and the last screen tell one figure of it.
        would = "would be " if report.pretended else ""
        tiles.append((f"{would}${report.usd_per_hour:.3f}", "an hour for this machine", ""))
    return "<div class=tiles>" + "".join(
        f'<div class="tile {kind}"><b>{value}</b><span>{escape(label)}</span></div>' for value, label, kind in tiles
    ) + "</div>"  # fmt: skip


def _curves(report: Report) -> Iterable[str]:
    yield _section(Section("Loss", loss_chart(report)))
    metric = f"valid_{report.summary.metric}"
    points = _points(report, metric)
    epochs = [row["epoch"] for row in _with(report.rows, metric)]
    best = dict(zip(epochs, points, strict=True)).get(report.summary.best_epoch)
    chart = line_chart(
        [Series(f"validation {report.summary.metric}", points, "both", best)],
        x_label="epoch",
        least_tick=1,
        y_label=report.summary.metric,
        logarithmic=False,
    )
    yield _section(Section(f"{_title(report.summary.metric)} on the validation split", chart))


def _title(metric: str) -> str:
    return "RMSE" if metric == "rmse" else metric.replace("_", " ").capitalize()


def loss_chart(report: Report) -> str:
    valid = Series("validation", _points(report, "valid_loss"), "both")
    series = [Series("training", _points(report, "loss")), valid]
    return line_chart(series, x_label="epoch", least_tick=1, y_label="loss")


def _with(rows: Sequence[Row], key: str) -> list[Row]:
    return [row for row in rows if row.get(key) is not None]


def _points(report: Report, key: str) -> list[tuple[float, float]]:
    return [(row["step"] / report.steps_per_epoch, row[key]) for row in _with(report.rows, key)]


def _section(section: Section) -> str:
    return f"<section><h2>{escape(section.title)}</h2>{section.html}</section>"


def _time_bar(seconds: Mapping[str, float]) -> str:
    ordered = sorted(((n, s) for n, s in seconds.items() if s > 0.005), key=lambda part: -part[1])
    total = sum(s for _, s in ordered) or 1
    numbered = [(min(i + 1, _SLICES), name, spent) for i, (name, spent) in enumerate(ordered)]
    bar = "".join(f'<i class=o{i} style="flex:{s:.3f}"><span hidden>{escape(n)}</span></i>' for i, n, s in numbered)
    keys = "".join(
        f'<span class="key o{i}">{escape(n)}&ensp;<b>{s:.1f} s</b>&ensp;{100 * s / total:.0f}%</span>'
        for i, n, s in numbered
    )
    return f"<div class=bar>{bar}</div><figcaption>{keys}</figcaption>"


def _facts(facts: Mapping[str, object]) -> str:
    rows = "".join(
        f"<tr><th>{escape(str(k))}</th><td>{escape(_text_of(v))}</td></tr>" for k, v in facts.items() if v != ""
    )
    return f"<table class=facts>{rows}</table>"


def _text_of(value: object) -> str:
    """As one types it: 24,48,168."""
    return ",".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else number(value)
