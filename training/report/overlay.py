"""`python -m training overlay PAGE RUN RUN ...`: the curves of several runs over each other, on one page.

Any program's runs: what a row of metrics.jsonl holds as numbers is drawn, over its "step", its "epoch", or its place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from training.console import plain
from training.errors import BadInput
from training.report.charts import Series, line_chart
from training.report.style import CSS
from training.workdir.names import METRICS

_NO_CURVE: Final = {"step", "epoch", "seconds", "time", "timestamp"}
_MOST_RUNS: Final = 6  # the page's colours


def main(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(__doc__)
        return 0
    if len(words) < 2:
        raise BadInput("overlay: a file to write and the folders of runs are missing.", "overlay --help shows a line")
    target, *runs = map(Path, words)
    target.write_text(page(runs[:_MOST_RUNS]), encoding="utf-8")
    return 0


def page(runs: Sequence[Path]) -> str:
    """The page as HTML, complete in itself. Raises BadInput where no run has a curve."""
    rows = {run.name: read_rows(run) for run in runs}
    names = list(dict.fromkeys(name for some in rows.values() for row in some for name in row if _is_curve(row, name)))
    if not names:
        raise BadInput("None of these runs has curves.", f"a program that writes {METRICS} has: a JSON object per line")
    charts = "".join(f"<section><h2>{escape(name)}</h2>{_chart(rows, name)}</section>" for name in names)
    title = escape(" and ".join(rows))
    return plain(
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{CSS}</style></head><body><main><h1>Side by side</h1><p class=muted>{title}</p>"
        f"{charts}<footer>Made by Gluon Rig. This file is complete in itself.</footer></main></body></html>\n"
    )


def read_rows(run: Path) -> list[Mapping[str, Any]]:
    """Every whole row of its metrics; empty where it has none."""
    try:
        lines = (run / METRICS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [row for line in lines if isinstance(row := _parse(line), dict)]


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_curve(row: Mapping[str, Any], name: str) -> bool:
    return name.lower() not in _NO_CURVE and _number(row.get(name)) is not None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 and math.isfinite(value) else None


def _chart(rows: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> str:
    axis = next((key for key in ("step", "epoch") if all(_has(some, key) for some in rows.values() if some)), "row")
    series = [Series(run, _points(some, axis, name)) for run, some in rows.items()]
    return line_chart(series, x_label=axis, least_tick=1, y_label=name)


def _has(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    return all(_number(row.get(key)) is not None for row in rows)


def _points(rows: Sequence[Mapping[str, Any]], axis: str, name: str) -> list[tuple[float, float]]:
    places = ((float(place) if axis == "row" else _number(row.get(axis)), row) for place, row in enumerate(rows))
    return [(x, y) for x, row in places if x is not None and (y := _number(row.get(name))) is not None]
