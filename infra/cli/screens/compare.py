"""Runs side by side, a column each: what they came to, and what differed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.screens.layout import render_columns
from infra.cli.screens.runs import render_money, render_score, render_time, shorten

if TYPE_CHECKING:
    from infra.workflows.compare import Comparison

_WIDEST = 24  # of a value: three runs fit 80 columns


def render_comparison(made: Comparison, *, here: Path) -> str:
    names = [one.facts.name for one in made.runs]
    rows = [
        ["state", *(one.state for one in made.runs)],
        ["score", *(render_score(one) for one in made.runs)],
        ["time", *(render_time(one) for one in made.runs)],
        ["cost", *(render_money(one) for one in made.runs)],
    ]
    labels = dict.fromkeys(label for one in made.facts for label in one)
    rows += [[label, *(one.get(label, "-") for one in made.facts)] for label in labels]
    if any(str(one.note) for one in made.runs):
        rows.append(["note", *(str(one.note) or "-" for one in made.runs)])
    head = ["", *map(shorten_name, names)]
    parts = [render_columns(head, _cut(rows), numbers=head[1:])]
    if made.settings:
        differing = [[name, *values] for name, values in made.settings.items()]
        parts.append("what differs\n" + render_columns(head, _cut(differing), numbers=head[1:]))
    else:
        parts.append("No setting differs.")
    parts.append(made.verdict)
    if made.page:
        parts.append(f"curves over each other: {shorten(made.page, here)}")
    return "\n\n".join(parts)


def shorten_name(name: str) -> str:
    """ "20261126-055903-lenet-650d" -> "lenet-650d"; the date tells apart what that does not."""
    return name[16:] if name[8:9] == name[15:16] == "-" else name


def _cut(rows: list[list[str]]) -> list[list[str]]:
    return [[row[0], *map(_shorten, row[1:])] for row in rows]


def _shorten(value: str) -> str:
    return value if len(value) <= _WIDEST else value[: _WIDEST - 1] + "…"
