"""tune.html: all trials in a table, and Optuna's own plots; complete in itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from optuna import visualization

from training.console import number, plain
from training.report.style import CSS
from training.report.tables import table
from training.trainer.recipe import Recipe
from training.tune.study import Study
from training.workdir.atomic import replace_text

_LOOK: Final = {
    "margin": {"l": 60, "r": 30, "t": 20, "b": 50},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(128,128,128,.08)",
    "font": {"color": "#7c8695"},  # to be read on white and on black
    "legend": {"orientation": "h", "y": 1.12},
}
_BARE: Final = {"displayModeBar": False}
"""Its buttons would lie upon the plot on a telephone."""


def write_page(path: Path, recipe: Recipe, study: Study, rows: Sequence[Mapping[str, Any]], best: int | None) -> None:
    title = f"{recipe.name}: {len(rows)} trials"
    parts = [f"<header><h1>{escape(title)}</h1><p>{_best(recipe, rows, best)}</p></header>"]
    parts += [f"<section><h2>{escape(name)}</h2>{html}</section>" for name, html in _plots(recipe, study, rows)]
    parts.append(f"<section><h2>All trials</h2>{_all_trials(recipe, rows, best)}</section>")
    sized = "<meta name=viewport content='width=device-width, initial-scale=1'>"
    head = f"<meta charset=utf-8>{sized}<title>{escape(title)}</title><style>{CSS}</style>"
    text = f"<!doctype html><html lang=en><head>{head}</head><body><main>{''.join(parts)}</main></body></html>\n"
    replace_text(path, plain(text), "the page of all trials")


def _best(recipe: Recipe, rows: Sequence[Mapping[str, Any]], best: int | None) -> str:
    if best is None:
        return "No trial has finished."
    row = next(row for row in rows if row["trial"] == best)
    settings = ", ".join(f"{key}={value}" for key, value in row["settings"].items())
    return escape(f"Best: trial {best:04}, validation {recipe.best} {number(row['score'])}, with {settings}")


def _plots(recipe: Recipe, study: Study, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Those that the study has enough trials for; Plotly itself (5 MB) stands in the first."""
    done = sum(row["state"] == "done" for row in rows)
    keys = {key for row in rows for key in row["settings"]}
    wanted: list[tuple[str, Callable[..., Any], bool]] = [
        ("Course", visualization.plot_optimization_history, done > 0),
        ("Settings together", visualization.plot_parallel_coordinate, done > 1),
        ("Each setting", visualization.plot_slice, done > 1),
        ("What mattered", visualization.plot_param_importances, done > 3 and len(keys) > 1),
    ]
    library: bool | str = "inline"
    for name, plot, possible in wanted:
        if possible:
            figure = plot(study.optuna, target_name=recipe.best)
            figure.update_layout(title=None, **_LOOK)
            yield name, figure.to_html(full_html=False, include_plotlyjs=library == "inline", config=_BARE)
            library = False


def _all_trials(recipe: Recipe, rows: Sequence[Mapping[str, Any]], best: int | None) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row["settings"]))
    order = sorted(rows, key=lambda row: _rank(recipe, row))
    head = [escape(one) for one in ("trial", recipe.best, *keys, "seconds", "")]
    return table(head, [_cells(row, keys, row["trial"] == best) for row in order])


def _rank(recipe: Recipe, row: Mapping[str, Any]) -> tuple[bool, float, int]:
    score = row["score"] if row["state"] == "done" else None
    return score is None, (score or 0.0) * (-1 if recipe.higher_is_better else 1), row["trial"]


def _cells(row: Mapping[str, Any], keys: Sequence[str], best: bool) -> list[str]:
    score = number(row["score"]) if row["state"] == "done" and row["score"] is not None else row["state"]
    name = f"{row['trial']:04}"
    link = f'<a href="trials/{name}/report.html">{name}</a>' if row["state"] == "done" else name
    said = [score, *(str(row["settings"].get(key, "")) for key in keys), str(row["seconds"] or ""), row["note"]]
    cells = [link, *map(escape, said)]
    return [f"<b>{cell}</b>" for cell in cells] if best else cells
