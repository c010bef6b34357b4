"""Records that begin in mid-life: what stands for their unknown past, and some of them to train on.

A log begins when somebody began to log, rarely when the machine was new. Where every training record begins at birth, a
window that is not full has meant "new" without exception, and a unit met in mid-life is forecast as new-born.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

UNKNOWN_PAST: Final = 1
"""So many rows of 0 stand before each record: in a window the first of them stands for all that is not known. They are
the mean, as a channel that was never measured. The first row repeated would be taken for many that say the same: of
C-MAPSS FD001 engines whose last 20 rows alone are known the Brier score was 0.072 so, and is 0.040 with zeros.
"""


def late_starts(rows: int, firsts: Sequence[int], *, window: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Cut a record of so many *rows* into pieces of *window* rows, once for each of *firsts*: the row at which the
    first piece begins, and how many rows each has (pieces,). In every piece the window of no row but the last is full.
    """
    for first in firsts:
        if first < rows:
            yield first, np.diff(np.append(np.arange(first, rows, window), rows))
