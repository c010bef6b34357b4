"""Numbers as a small chart of text: eight heights to a line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_STEPS: Final = 8


def plot(values: Sequence[float], *, width: int, height: int = 1) -> list[str]:
    """*height* lines, the highest value first, the newest at the right; nothing for no values."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return []
    columns = _thin_out(finite, width)
    low, high = min(columns), max(columns)
    eighths = [_scale(value, low, high, height) for value in columns]
    return ["".join(_cell(eighth - line * _STEPS) for eighth in eighths) for line in reversed(range(height))]


def _thin_out(values: Sequence[float], width: int) -> list[float]:
    """The mean of each of at most *width* parts: a curve that trembles is seen by where it goes."""
    if len(values) <= width:
        return list(values)
    edges = [round(number * len(values) / width) for number in range(width + 1)]
    parts = [values[start:end] for start, end in itertools.pairwise(edges)]
    return [math.fsum(part) / len(part) for part in parts]


def _scale(value: float, low: float, high: float, height: int) -> int:
    """1 to the eighths of all lines, so that the lowest is seen, too."""
    share = (value - low) / (high - low) if high > low else 0.5
    return 1 + round(share * (height * _STEPS - 1))


def _cell(eighth: int) -> str:
    return _BLOCKS[max(0, min(eighth, _STEPS))]
