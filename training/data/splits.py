"""What a job's `data` function returns: three splits of arrays, and where they came from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from training.data.streams import Streamed
from training.data.windows import Windows
from training.errors import BadData


@dataclass(frozen=True)
class Split:
    """Inputs X (n, ...) and targets y (n,) or (n, k). X may stay uint8: `prepare` makes floats of a batch."""

    X: np.ndarray[Any, Any] | Windows | Streamed
    y: np.ndarray[Any, Any]
    """Of a stream a stand-in that can be asked for some of its rows."""

    def __post_init__(self) -> None:
        if len(self.X) != len(self.y):
            raise BadData(f"{len(self.X)} examples but {len(self.y)} targets")

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: Any) -> Split:
        if isinstance(self.X, Streamed):
            return Split(*self.X.stream.take(np.arange(len(self))[rows]))
        return Split(self.X[rows], self.y[rows])


@dataclass(frozen=True)
class Data:
    """Train, validation (chooses the best epoch) and test (looked at once, at the end).

    *classes* names the classes of a classification; *keep* is JSON-able and goes to data.json in the work folder,
    where `predict` finds it (scaling, window length, channel names).
    """

    train: Split
    valid: Split
    test: Split
    source: str
    checksum: str
    classes: tuple[str, ...] = ()
    keep: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("train", "valid", "test"):
            split = getattr(self, name)
            if not len(split):
                raise BadData(f"{self.source}: the {name} split is empty")
            # MXNet clips labels that are out of range without a word.
            if self.classes and not (split.y.min() >= 0 and split.y.max() < len(self.classes)):
                raise BadData(
                    f"{self.source}: a label of the {name} split is not one of the {len(self.classes)} classes"
                )

    def identity(self) -> dict[str, str]:
        """What a resumed run must find again: the sizes of the splits, and a checksum of what it learns from."""
        examples = f"{len(self.train):,} + {len(self.valid):,} + {len(self.test):,}"
        return {"examples": examples, "training set": _checksum(self.train)}

    def limit(self, examples: int) -> Data:
        """Only the first *examples* of the training split; 0 means all."""
        return replace(self, train=self.train[:examples]) if examples else self


def _checksum(split: Split) -> str:
    X = split.X
    if isinstance(X, Streamed):
        return X.stream.checksum
    seen = X.crc() if isinstance(X, Windows) else zlib.crc32(np.ascontiguousarray(X).data)
    return f"crc32 {zlib.crc32(np.ascontiguousarray(split.y).data, seen):08x}"


def split_off(whole: Split, examples: int, seed: int) -> tuple[Split, Split]:
    """Return (the rest, *examples* rows drawn at random), each with X (rows, ...) and y (rows,) or (rows, k).

    The draw depends on *seed* only.
    """
    order = np.random.RandomState(seed).permutation(len(whole))
    return whole[np.sort(order[examples:])], whole[np.sort(order[:examples])]
