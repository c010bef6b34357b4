"""The values under the pointer (or the finger) of a line chart, by CSS alone: no script."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise

MOST = 80  # places in one chart
LINE = 15  # pixels from one line of text to the next

Point = tuple[float, float]
Scale = Callable[[float], float]


def pointer_values(
    named: Sequence[tuple[str, Sequence[Point]]], x: Scale, *, x_label: str, box: tuple[float, float, float, float]
) -> str:
    """For each place along x: a stripe that answers, a line, and each series' nearest value.

    *named*: names and points, in the order of the legend; *box*: left, top, right and bottom of the plot.
    """
    places = _places(named)
    edges = [box[0], *((x(a) + x(b)) / 2 for a, b in pairwise(places)), box[2]]
    ordered = [(name, sorted(points)) for name, points in named]
    return "".join(
        _reading(place, ordered, x, x_label, box, stripe) for place, stripe in zip(places, pairwise(edges), strict=True)
    )


def readable(value: float) -> str:
    """Four digits, and large numbers in full: "0.01234", "152,000"."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _places(named: Sequence[tuple[str, Sequence[Point]]]) -> list[float]:
    every = sorted({a for _, points in named for a, _ in points})
    if len(every) <= MOST:
        return every
    return [every[round(i * (len(every) - 1) / (MOST - 1))] for i in range(MOST)]


def _reading(
    place: float,
    ordered: Sequence[tuple[str, Sequence[Point]]],
    x: Scale,
    x_label: str,
    box: tuple[float, float, float, float],
    stripe: tuple[float, float],
) -> str:
    left, top, right, bottom = box
    at, (start, end) = x(place), stripe
    side, anchor = (at + 8, "start") if at < (left + right) / 2 else (at - 8, "end")
    lines = [f'<tspan x="{side:.0f}">{escape(x_label)} {readable(place)}</tspan>']
    lines += [
        f'<tspan class="s{number}" x="{side:.0f}" dy="{LINE}">'
        f"{escape(name)} {readable(_nearest(points, place))}</tspan>"
        for number, (name, points) in enumerate(ordered, 1)
    ]
    return (
        f'<g class="read"><rect x="{start:.1f}" y="{top:g}" width="{max(end - start, 1):.1f}" '
        f'height="{bottom - top:g}" />'
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top:g}" y2="{bottom:g}" />'
        f'<text y="{top + 12:g}" text-anchor="{anchor}">{"".join(lines)}</text></g>'
    )


def _nearest(points: Sequence[Point], place: float) -> float:
    after = bisect_left(points, (place,))
    near = points[max(after - 1, 0) : after + 1]
    return min(near, key=lambda point: abs(point[0] - place))[1]
