"""Whether all windows of some logs fit into memory: reckoned before the first is cut, for a crash explains nothing."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from training.errors import BadData
from training.prognostics.windows import UnitLog, how_many

SHARE: Final = 0.5
"""Of the machine's memory: while the windows of all units are joined, those of a split are there twice."""

CGROUP: Final = Path("/sys/fs/cgroup/memory.max")
"""How much a container may take: "max", or bytes (https://docs.kernel.org/admin-guide/cgroup-v2.html)."""


SURE: Final = 2.0
"""A rough estimate refuses only what is so many times too much: rows without a known answer end no window."""


class Cutting(Protocol):
    """How windows are cut: the keys of these names of a job that forecasts failure."""

    @property
    def held_out(self) -> float: ...

    @property
    def window(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def thin(self) -> int: ...
    @property
    def stretch(self) -> float: ...
    @property
    def cap(self) -> float: ...
    @property
    def horizon(self) -> float: ...


def usable_bytes() -> int:
    """How much windows may take on this machine, or in this container."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        allowed = int(CGROUP.read_text())
    except (OSError, ValueError):  # no container, or one without a limit
        allowed = whole
    return int(SHARE * min(whole, allowed))


def fits_memory(
    config: Cutting, fitted: Sequence[UnitLog], judged: Sequence[UnitLog], *, channels: int, most_bytes: int
) -> None:
    """Raises BadData where the windows of the units *fitted*, at every pace, and of those *judged* are too many.

    A unit that judges ends a window at every row, so *stride* and *thin* make the training windows fewer only.
    """
    trained, others = _training_windows(config, fitted), _judging_windows(config, judged)
    _refuse_more(config, trained, others, most=most_bytes // (config.window * channels * 4), channels=channels)


def fits_roughly(config: Cutting, rows: int, judging: int, *, channels: int, most_bytes: int) -> None:
    """As fits_memory, before a log is read: *rows* of it, and *judging* rows of test files, are about what it has."""
    paces = sum(_paces(config))
    trained = rows * (1 - config.held_out) * paces / (config.stride * config.thin)
    others = rows * config.held_out + judging
    most = int(SURE * most_bytes / (config.window * max(1, channels) * 4))
    if trained + others > most:
        _refuse_more(config, trained, others, most=int(most / SURE), channels=channels)


def _paces(config: Cutting) -> tuple[float, ...]:
    return (1.0,) if config.stretch == 1 else (1.0, 1 / config.stretch, config.stretch)


def _refuse_more(config: Cutting, trained: float, others: float, *, most: int, channels: int) -> None:
    count = round(trained + others)
    if count <= most:
        return
    size = most * config.window * channels * 4 / (1 << 30)
    raise BadData(
        f"{count:,} windows of {config.window} rows and {channels} channels ({round(others):,} of them for "
        f"validation and test) do not fit into {size:.1f} GiB, {SHARE:.0%} of this machine's memory",
        _what_helps(config, trained, others, most),
    )


def _what_helps(config: Cutting, trained: float, others: float, most: int) -> str:
    """Only what is enough: no stride makes the windows fewer that judge."""
    window = int(config.window * most / (trained + others))
    shorter = f"window={window} makes every window small enough." if window else "Fewer units or channels are needed."
    if others >= most:
        return f"{shorter}\nA smaller held_out=N, or fewer units under test, makes those for validation and test fewer."
    stride = math.ceil(config.stride * trained / (most - others))
    return f"stride={stride} takes few enough of the training rows; neighbouring windows are nearly equal.\n{shorter}"


def _training_windows(config: Cutting, logs: Sequence[UnitLog]) -> float:
    return sum(
        how_many(log, cap=config.cap, horizon=config.horizon, pace=pace, stride=config.stride, thin=config.thin)
        for log in logs
        for pace in _paces(config)
    )


def _judging_windows(config: Cutting, logs: Sequence[UnitLog]) -> float:
    return sum(how_many(log, cap=config.cap, horizon=config.horizon) for log in logs)
