"""Whether a log fits into memory with all that is made of it: reckoned before it is made, for a crash explains nothing.

Windows take none: they are cut in the batch (training/data/windows.py). Rows do, each as read and as scaled; and, where
they are smoothed or values are missing, once more for every pace at which training units are shown (records.py).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from training.errors import BadData

SHARE: Final = 0.5
"""Of the machine's memory: the net, the reader and other programs want some too."""

CGROUP: Final = Path("/sys/fs/cgroup/memory.max")
"""How much a container may take: "max", or bytes (https://docs.kernel.org/admin-guide/cgroup-v2.html)."""

SURE: Final = 2.0
"""A rough estimate, from the size of files, refuses only what is so many times too much."""

READ_BYTES: Final = 28
"""What a row takes besides its channels: unit, time, failure, and its place in order."""

ORDER_BYTES: Final = 12
"""What a row takes at each pace besides: which one it is, as chosen, joined and laid out."""

ANSWER_BYTES: Final = 96
"""What a window takes besides its rows: where it begins and ends, and, twice while they are joined, the eight numbers
asked about it."""


class Cutting(Protocol):
    """How windows are cut: the keys of these names of a job that forecasts failure."""

    @property
    def held_out(self) -> float: ...
    @property
    def smooth(self) -> float: ...
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


@dataclass(frozen=True)
class Rows:
    """How many there are, and of how many channels."""

    fitted: int
    """Of training units."""
    judged: int
    """Of others."""
    channels: int
    shared: bool
    """Every pace at which training units are shown has the same rows: nothing is smoothed, and nothing missing."""


def fits_memory(config: Cutting, rows: Rows, *, most_bytes: int) -> None:
    """Raises BadData where *rows*, at every pace, are too many."""
    needed = bytes_needed(config, rows)
    if needed > most_bytes:
        raise BadData(
            f"{rows.fitted + rows.judged:,} rows of {rows.channels} channels take {_gib(needed)} of memory, and "
            f"{_gib(most_bytes)} is {SHARE:.0%} of this machine's",
            _what_helps(config, rows, most_bytes=most_bytes),
        )


def has_room(config: Cutting, rows: Rows, *, most_bytes: int) -> bool:
    return bytes_needed(config, rows) <= most_bytes


def fits_roughly(config: Cutting, count: int, judging: int, *, channels: int, most_bytes: int) -> None:
    """As fits_memory, before a log is read: *count* rows of it, and *judging* rows of test files, are about what it
    has. Whether values are missing is not known yet: it is taken that none are.
    """
    held = round(count * config.held_out)
    rows = Rows(count - held, held + judging, channels, shared=config.smooth == 1)
    if bytes_needed(config, rows) > SURE * most_bytes:
        fits_memory(config, rows, most_bytes=most_bytes)


def bytes_needed(config: Cutting, rows: Rows) -> int:
    """At the most, until the data stands ready."""
    return _bytes(config, rows, stretch=config.stretch)


def _bytes(config: Cutting, rows: Rows, *, stretch: float) -> int:
    paces = 1.0 + config.late_starts + (0.0 if stretch == 1 else 1 / stretch + stretch)
    row = 4 * rows.channels  # in 32 bits
    own = 0 if rows.shared else row
    shown = paces * (own + ORDER_BYTES + ANSWER_BYTES / config.stride)
    judged = own + ORDER_BYTES + ANSWER_BYTES
    # How long ago a value was measured is kept beside each one where some are missing.
    return round(
        (rows.fitted + rows.judged) * (2 * row + own + READ_BYTES) + rows.fitted * shown + rows.judged * judged
    )


def _what_helps(config: Cutting, rows: Rows, *, most_bytes: int) -> str:
    """Only what is enough."""
    fewer = "Fewer channels or fewer units need less.\nOf any size: python -m training pack TABLE DIR, then table=DIR."
    at_own_pace = _bytes(config, rows, stretch=1.0)
    if config.stretch != 1 and at_own_pace <= most_bytes:
        return f"stretch=1 shows each unit at its own pace alone, in {_gib(at_own_pace)}.\n{fewer}"
    return fewer


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
