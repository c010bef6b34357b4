"""The hour that local clocks show twice in autumn, where each value has a row of its own.

Once rows are put side by side in the order of time nobody can tell any more which of two 02:30 came first, so it is
told before, by how the rows stand: a time that goes back, of a tag or of its unit, is of the second hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.arrow_cells import Floats
from training.prognostics.cells import second_readings
from training.prognostics.columns import SECONDS, Columns, Tags
from training.prognostics.table import Table

NEAR_S: Final = 7200.0
"""A row of the same unit that long after is of the same stretch of the log; one farther off begins another tag's."""


def tell_doubled_hours(pieces: Iterator[Table], columns: Columns, tags: Tags) -> Iterator[Table]:
    """*pieces* of one file with times that go on. Raises BadData where an hour runs twice in a file whose rows are not
    in the order of time: nothing tells its halves apart.
    """
    told = _Told(NEAR_S / SECONDS[columns.time_unit])
    for piece in pieces:
        seconds = dict(second_readings(piece.times, columns))
        tag = piece.values[tags.name].astype(np.intp)
        times = told.follow(piece, tag, seconds) if seconds else piece.times
        told.look(piece, tag, times)
        if told.doubled and told.unordered:
            raise BadData(
                f"{piece.file} line {told.doubled[1].line(told.doubled[0])}: the clocks of {columns.zone} showed this "
                "time twice, and the file's rows are not in the order of time, which would tell them apart",
                "Write times with their zone, like 2024-10-27T02:30:00+01:00, or in UTC, or put the rows in order.",
            )
        yield replace(piece, times=times)


@dataclass
class _Told:
    near: float
    unordered: bool = False
    """Whether the times of a tag went back where no clock was put back."""
    doubled: tuple[int, Table] | None = None
    """The first row that may be read in two ways."""
    of_unit: dict[int, float] = field(default_factory=dict)
    of_tag: dict[tuple[int, int], float] = field(default_factory=dict)
    """The last time of each so far."""

    def follow(self, piece: Table, tag: NDArray[np.intp], seconds: dict[int, float]) -> Floats:
        """(rows,) the times, those of the second hour an hour later; *seconds*: row -> its time then."""
        times, of_unit, of_tag = piece.times.copy(), dict(self.of_unit), dict(self.of_tag)
        for row, (unit, which) in enumerate(zip(piece.units.tolist(), tag.tolist(), strict=True)):
            time = float(times[row])
            if row in seconds:
                self.doubled = self.doubled or (row, piece)
                before = of_unit.get(unit, -np.inf)
                if time <= of_tag.get((unit, which), -np.inf) or time < before <= time + self.near:
                    time = times[row] = seconds[row]
            of_unit[unit] = of_tag[unit, which] = time
        return times

    def look(self, piece: Table, tag: NDArray[np.intp], times: Floats) -> None:
        """Take in the *times* of a piece."""
        if not len(times):
            return
        keys = piece.units.astype(np.int64) << 32 | tag
        order = np.argsort(keys, kind="stable")
        same = np.diff(keys[order], prepend=-1) == 0
        first, last = order[~same], order[np.append(~same[1:], True)]
        before = [self.of_tag.get((int(piece.units[row]), int(tag[row])), -np.inf) for row in first]
        self.unordered |= bool(
            ((np.diff(times[order], prepend=-np.inf) < 0) & same).any() or (times[first] < before).any()
        )
        self.of_tag.update({(int(piece.units[row]), int(tag[row])): float(times[row]) for row in last})
        units, at = np.unique(piece.units[::-1], return_index=True)
        self.of_unit.update(zip(units.tolist(), times[::-1][at].tolist(), strict=True))
