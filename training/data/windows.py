"""Windows over rows, cut when a batch is asked for: neighbours share all rows but one, and none is copied before."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """n windows (length, channels) of rows; to NumPy an array (n, length, channels), gathered when it is asked for.

    Before a record's first row there is nothing, so that row is repeated: a new unit gets a forecast at once.
    """

    rows: NDArray[np.float32]
    """(all rows, channels): the records one after the other."""
    begins: NDArray[np.int64]
    """(n,) the first row of each window's record."""
    ends: NDArray[np.int64]
    """(n,) each window's last row."""
    length: int

    @property
    def dtype(self) -> np.dtype[np.float32]:
        return self.rows.dtype

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.ends), self.length, self.rows.shape[1]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, places: Any) -> Windows:
        return Windows(self.rows, self.begins[places], self.ends[places], self.length)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """(n, length, channels): a copy, for neighbours share rows."""
        return self.rows[self.places()].astype(dtype or self.dtype, copy=False)

    def places(self) -> NDArray[np.int64]:
        """(n, length): which rows each window is made of."""
        back = np.arange(1 - self.length, 1)
        places: NDArray[np.int64] = np.maximum(self.ends[:, None] + back, self.begins[:, None])
        return places

    def crc(self, start: int = 0) -> int:
        """A checksum of all that the windows show."""
        for part in (self.rows, self.begins, self.ends):
            start = zlib.crc32(np.ascontiguousarray(part).data, start)
        return zlib.crc32(str(self.length).encode(), start)


def windows(rows: NDArray[np.float32], *, length: int) -> Windows:
    """For each of the *rows* (n, channels) of one record the *length* rows that end with it."""
    count = len(rows)
    return Windows(rows, np.zeros(count, dtype=np.int64), np.arange(count), length)
