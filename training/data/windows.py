"""Windows over rows, cut when a batch is asked for: neighbours share all rows but one, and none is copied before."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """n windows (length, channels) of rows; to NumPy an array (n, length, channels), gathered when it is asked for.

    Before a record's first row there is nothing, so that row is repeated: a new unit gets a forecast at once.
    """

    rows: NDArray[np.float32]
    """(all rows, channels): the records one after the other, or what `order` chooses from."""
    begins: NDArray[np.int64]
    """(n,) where each window's record begins."""
    ends: NDArray[np.int64]
    """(n,) where each window ends, with the row that stands there."""
    length: int
    order: NDArray[np.int32] | None = None
    """(places,) which of the rows stands at each place of the records, one after the other; None: they as they are. So
    a row that several records have is kept once.
    """

    @property
    def dtype(self) -> np.dtype[np.float32]:
        return self.rows.dtype

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.ends), self.length, self.rows.shape[1]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, places: Any) -> Windows:
        return replace(self, begins=self.begins[places], ends=self.ends[places])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """(n, length, channels): a copy, for neighbours share rows."""
        return self.rows[self.places()].astype(dtype or self.dtype, copy=False)

    def places(self) -> NDArray[np.int64]:
        """(n, length): which rows each window is made of."""
        steps = np.arange(1 - self.length, 1)
        return self._rows_at(np.maximum(self.ends[:, None] + steps, self.begins[:, None]))

    def earlier(self, rows: int) -> NDArray[np.float32]:
        """(n, channels): of each window the row that many *rows* before its last one."""
        return self.rows[self._rows_at(np.maximum(self.ends - rows, self.begins))]

    def _rows_at(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return places if self.order is None else self.order[places].astype(np.int64)

    def order_rows(self) -> NDArray[np.int64]:
        """(places,) which of the rows stands at each place of the records."""
        return np.arange(len(self.rows)) if self.order is None else self.order.astype(np.int64)

    def crc(self, start: int = 0) -> int:
        """A checksum of all that the windows show."""
        for part in (self.rows, self.begins, self.ends, self.order):
            start = start if part is None else zlib.crc32(np.ascontiguousarray(part).data, start)
        return zlib.crc32(str(self.length).encode(), start)


def windows(rows: NDArray[np.float32], *, length: int) -> Windows:
    """For each of the *rows* (n, channels) of one record the *length* rows that end with it."""
    count = len(rows)
    return Windows(rows, np.zeros(count, dtype=np.int64), np.arange(count), length)
