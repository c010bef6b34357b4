"""Whether a log fits into memory with all that is made of it: reckoned before it is made, for a crash explains nothing.

Windows take none: they are cut in the batch (training/data/windows.py). Rows do, each as read and as scaled; and, where
they are smoothed or values are missing, once more for every pace at which training units are shown (records.py). That
values are missing is only known when the log is read: it is taken as given.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol

from training.errors import BadData

SHARE: Final = 0.5
"""Of the machine's memory: the net, the reader and other programs want some too."""

CGROUP: Final = Path("/sys/fs/cgroup/memory.max")
"""How much a container may take: "max", or bytes (https://docs.kernel.org/admin-guide/cgroup-v2.html)."""

SURE: Final = 2.0
"""A rough estimate, from the size of files, refuses only what is so many times too much."""

ORDER_BYTES: Final = 4
"""What a row takes at each pace besides: which one it is."""

ANSWER_BYTES: Final = 48
"""What a window takes besides its rows: where it begins and ends, and the eight numbers asked about it."""


class Cutting(Protocol):
    """How windows are cut: the keys of these names of a job that forecasts failure."""

    @property
    def held_out(self) -> float: ...

    @property
    def stride(self) -> int: ...
    @property
    def stretch(self) -> float: ...
    @property
    def late_starts(self) -> int: ...


def usable_bytes() -> int:
    """How much a log may take on this machine, or in this container."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        allowed = int(CGROUP.read_text())
    except (OSError, ValueError):  # no container, or one without a limit
        allowed = whole
    return int(SHARE * min(whole, allowed))


def fits_memory(config: Cutting, fitted: int, judged: int, *, channels: int, most_bytes: int) -> None:
    """Raises BadData where *fitted* rows of training units, at every pace, and *judged* rows of others are too many."""
    needed = _bytes(fitted, judged, _paces(config), config.stride, channels)
    if needed > most_bytes:
        raise BadData(
            f"{fitted + judged:,} rows of {channels} channels take {_gib(needed)} of memory, and {_gib(most_bytes)} is "
            f"{SHARE:.0%} of this machine's",
            _what_helps(config, fitted, judged, channels=channels, most_bytes=most_bytes),
        )


def has_room(config: Cutting, fitted: int, judged: int, *, channels: int, most_bytes: int) -> bool:
    return _bytes(fitted, judged, _paces(config), config.stride, channels) <= most_bytes


def fits_roughly(config: Cutting, rows: int, judging: int, *, channels: int, most_bytes: int) -> None:
    """As fits_memory, before a log is read: *rows* of it, and *judging* rows of test files, are about what it has."""
    held = round(rows * config.held_out)
    if _bytes(rows - held, held + judging, _paces(config), config.stride, channels) > SURE * most_bytes:
        fits_memory(config, rows - held, held + judging, channels=channels, most_bytes=most_bytes)


def _paces(config: Cutting) -> float:
    """How many rows each row of a training unit becomes."""
    as_it_was = 1.0 + config.late_starts
    return as_it_was if config.stretch == 1 else as_it_was + 1 / config.stretch + config.stretch


def _bytes(fitted: int, judged: int, paces: float, stride: int, channels: int) -> int:
    row = 4 * channels  # in 32 bits
    shown = paces * (row + ORDER_BYTES + ANSWER_BYTES / stride)
    return round(fitted * (2 * row + shown) + judged * (3 * row + ORDER_BYTES + ANSWER_BYTES))


def _what_helps(config: Cutting, fitted: int, judged: int, *, channels: int, most_bytes: int) -> str:
    """Only what is enough."""
    fewer = "Fewer channels or fewer units need less.\nOf any size: python -m training pack TABLE DIR, then table=DIR."
    own_pace = _bytes(fitted, judged, 1.0 + config.late_starts, config.stride, channels)
    if config.stretch != 1 and own_pace <= most_bytes:
        return f"stretch=1 shows each unit at its own pace alone, in {_gib(own_pace)}.\n{fewer}"
    return fewer


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
