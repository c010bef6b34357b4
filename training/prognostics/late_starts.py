"""Records that begin in mid-life: what stands for their unknown past, and some of them to train on.

A log begins when somebody began to log, rarely when the machine was new. Where every training record begins at birth, a
window that is not full has meant "new" without exception, and a unit met in mid-life is forecast as new-born.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.prognostics.windows import UnitLog

Array = NDArray[np.floating]


UNKNOWN_PAST: Final = 1
"""So many rows of 0 stand before each record: in a window the first of them stands for all that is not known. They are
the mean, as a channel that was never measured. The first row repeated would be taken for many that say the same: of
C-MAPSS FD001 engines whose last 20 rows alone are known the Brier score was 0.072 so, and is 0.040 with zeros.
"""


def late_starts(log: UnitLog, y: Array, *, window: int, times: int, seed: int) -> Iterator[tuple[UnitLog, Array]]:
    """Cut *log*, and with it its answers *y* (rows, ...), into pieces of *window* rows; *times* over, each time at
    other places. In every piece the window of no row but the last is full.

    The answers are those of the whole record: what is known of a unit's future is not lost with its past.
    """
    random = np.random.RandomState(seed)
    for first in random.randint(1, window + 1, times):
        for begin in range(int(first), len(log.times), window):
            piece = slice(begin, begin + window)
            cut = replace(log, times=log.times[piece], values=log.values[piece], conditions=log.conditions[piece])
            yield cut, y[piece]
