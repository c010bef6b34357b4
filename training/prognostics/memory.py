"""Whether all windows of some logs fit into memory: reckoned before the first is cut, for a crash explains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from training.errors import BadData
from training.prognostics.windows import UnitLog, how_many

MOST_BYTES: Final = 4 << 30


class Cutting(Protocol):
    """How windows are cut: the keys of these names of a job that forecasts failure."""

    window: int
    stride: int
    thin: int
    stretch: float
    cap: float
    horizon: float


def fits_memory(config: Cutting, fitted: Sequence[UnitLog], judged: Sequence[UnitLog], *, channels: int) -> None:
    """Raises BadData where the windows of the units *fitted*, at every pace, and of those *judged* are too many.

    A unit that judges ends a window at every row, so *stride* and *thin* make the training windows fewer only.
    """
    trained, others = _training_windows(config, fitted), _judging_windows(config, judged)
    count = round(trained + others)
    if count * config.window * channels * 4 <= MOST_BYTES:
        return
    raise BadData(
        f"{count:,} windows of {config.window} rows and {channels} channels ({round(others):,} of them for "
        f"validation and test) do not fit into {MOST_BYTES >> 30} GiB",
        "A larger stride=N takes every N-th row of a training unit only; neighbouring windows are nearly equal.\n"
        "A smaller window=N or fewer channels make every window smaller; fewer units for the test help, too.",
    )


def _training_windows(config: Cutting, logs: Sequence[UnitLog]) -> float:
    paces = (1.0,) if config.stretch == 1 else (1.0, 1 / config.stretch, config.stretch)
    return sum(
        how_many(log, cap=config.cap, horizon=config.horizon, pace=pace, stride=config.stride, thin=config.thin)
        for log in logs
        for pace in paces
    )


def _judging_windows(config: Cutting, logs: Sequence[UnitLog]) -> float:
    return sum(how_many(log, cap=config.cap, horizon=config.horizon) for log in logs)
