"""Line charts as inline SVG. Colours are CSS variables of the page, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from training.report.pointer_values import pointer_values, readable

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 84, 14, 14, 48
MAX_POINTS = 600  # more would only make the file bigger


@dataclass(frozen=True)
class Series:
    """*points* are (x, y); *style* is "line", "dots" or "both"; *marked* is a point to ring."""

    name: str
    points: Sequence[tuple[float, float]]
    style: str = "line"
    marked: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Scale:
    """Maps a value to a coordinate, linearly or by its logarithm."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False
    least_tick: float = 0.0

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(v) for v in (self.low, self.high, value)) if self.logarithmic else (
            self.low,
            self.high,
            value,
        )  # fmt: skip
        return self.start + (value - low) / ((high - low) or 1) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            return _log_ticks(self.low, self.high)
        if self.least_tick and self.high - self.low >= self.least_tick:
            return _ticks(self.low, self.high, 6, least=self.least_tick)
        return _ticks(self.low, self.high)


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    logarithmic: bool | None = None,
    diagonal: bool = False,
    least_tick: float = 0.0,
    y_range: tuple[float, float] | None = None,
) -> str:
    """An SVG figure with a legend. *logarithmic* None: decided by the data. *diagonal*: draw y = x (reliability).

    *least_tick*: what ticks of x are multiples of, where x is counted and not measured: 1 of epochs.
    """
    shown = [Series(s.name, _thin_out(_finite(s.points)), s.style, s.marked) for s in series]
    shown = [s for s in shown if s.points]
    if not shown:
        return "<p class=muted>No values.</p>"
    x, y = _scales(shown, logarithmic, y_range, least_tick)
    parts = [_grid(x, y), _axis_names(x_label, y_label + (" (logarithmic)" if y.logarithmic else ""))]
    if diagonal:
        parts.append(_path([(v, v) for v in (max(x.low, y.low), min(x.high, y.high))], x, y, "diagonal"))
    parts += [_draw(s, i + 1, x, y) for i, s in enumerate(shown)]
    named = [(s.name, s.points) for s in shown]
    parts.append(pointer_values(named, x, x_label=x_label, box=(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)))
    title = escape(f"{y_label} over {x_label}: " + ", ".join(s.name for s in shown))
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'
    return f"<figure class=chart>{_legend(shown)}{svg}</figure>"


BAR, BAR_LEFT = 24, 190


def bar_chart(bars: Sequence[tuple[str, float]], *, label: str) -> str:
    """An SVG figure of (name, value) as horizontal bars, in the order given; what is below 0 has no bar."""
    if not bars:
        return "<p class=muted>No values.</p>"
    most = max(value for _, value in bars)
    rows = "".join(_bar(name, value, BAR * number, most) for number, (name, value) in enumerate(bars))
    svg = f'<svg viewBox="0 0 {WIDTH} {BAR * len(bars)}" role="img" aria-label="{escape(label)}">{rows}</svg>'
    return f"<figure class=chart><figcaption>{escape(label)}</figcaption>{svg}</figure>"


def _bar(name: str, value: float, top: int, most: float) -> str:
    length = max(0.0, value) / most * (WIDTH - BAR_LEFT - 80) if most > 0 else 0.0
    shown = name if len(name) <= 26 else name[:25] + "…"
    return (
        f"<g><title>{escape(name)}: {value:.4g}</title>"
        f"<text class=tick x={BAR_LEFT - 8} y={top + 16} text-anchor=end>{escape(shown)}</text>"
        f'<rect class="bar-value s1" x={BAR_LEFT} y={top + 4} width={length:.1f} height={BAR - 8} rx=3 />'
        f"<text class=tick x={BAR_LEFT + length + 6:.1f} y={top + 16}>{value:.3g}</text></g>"
    )


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(a, b) for a, b in points if b is not None and math.isfinite(a) and math.isfinite(b)]


def _thin_out(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    every = math.ceil(len(points) / MAX_POINTS) or 1
    return points[::every] + ([points[-1]] if points and (len(points) - 1) % every else [])


def _scales(
    series: Sequence[Series], logarithmic: bool | None, y_range: tuple[float, float] | None, least_tick: float
) -> tuple[_Scale, _Scale]:
    xs = [a for s in series for a, _ in s.points]
    ys = [b for s in series for _, b in s.points]
    low, high = y_range or (min(ys), max(ys))
    if logarithmic is None:
        logarithmic = low > 0 and high / low > 30
    if y_range is None and not logarithmic:
        margin = 0.06 * (high - low or abs(high) or 1)
        low, high = low - margin, high + margin
    x = _Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT, least_tick=least_tick)
    return x, _Scale(low, high, HEIGHT - BOTTOM, TOP, logarithmic)


def _ticks(low: float, high: float, wanted: int = 5, *, least: float = 0.0) -> list[float]:
    """Round numbers between *low* and *high*, about *wanted* of them."""
    if high <= low:
        return [low]
    raw = (high - low) / wanted
    size = 10 ** math.floor(math.log10(raw))
    steps = [size * m for m in (1, 2, 2.5, 5, 10) if not least or (size * m / least).is_integer()]
    step = next(step for step in steps if step >= raw)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(exponents) <= 4 else (1,)
    return [v for e in exponents for m in factors if low <= (v := m * 10.0**e) <= high]


def _grid(x: _Scale, y: _Scale) -> str:
    across = "".join(
        f"<line class=grid x1={LEFT} x2={WIDTH - RIGHT} y1={y(v):.1f} y2={y(v):.1f} />"
        f"<text class=tick x={LEFT - 8} y={y(v) + 4:.1f} text-anchor=end>{readable(v)}</text>"
        for v in y.ticks()
    )
    along = "".join(
        f"<text class=tick x={x(v):.1f} y={HEIGHT - BOTTOM + 20} text-anchor=middle>{readable(v)}</text>"
        for v in x.ticks()
    )
    return across + along


def _axis_names(x_label: str, y_label: str) -> str:
    middle = (HEIGHT - BOTTOM + TOP) / 2
    return (
        f"<text class=name x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 4} text-anchor=middle>{escape(x_label)}</text>"
        f'<text class="name upright" transform="translate(11 {middle}) rotate(-90)" text-anchor=middle>'
        f"{escape(y_label)}</text>"
    )


def _draw(series: Series, number: int, x: _Scale, y: _Scale) -> str:
    parts = []
    if series.style in ("line", "both"):
        parts.append(_path(series.points, x, y, f"line s{number}"))
    if series.style in ("dots", "both"):
        parts += [_dot(point, series.name, x, y, f"dot s{number}", radius=3.5) for point in series.points]
    if series.marked is not None:
        parts.append(_dot(series.marked, series.name, x, y, f"ring s{number}", radius=6))
    return "".join(parts)


def _path(points: Sequence[tuple[float, float]], x: _Scale, y: _Scale, kind: str) -> str:
    steps = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
    return f'<polyline class="{kind}" points="{steps}" />'


def _dot(point: tuple[float, float], name: str, x: _Scale, y: _Scale, kind: str, radius: float) -> str:
    a, b = point
    hover = f"<title>{escape(name)}: {readable(b)} at {readable(a)}</title>"
    return f'<circle class="{kind}" cx={x(a):.1f} cy={y(b):.1f} r={radius}>{hover}</circle>'


def _legend(series: Sequence[Series]) -> str:
    keys = "".join(f'<span class="key s{i + 1}">{escape(s.name)}</span>' for i, s in enumerate(series))
    return f"<figcaption>{keys}</figcaption>"
