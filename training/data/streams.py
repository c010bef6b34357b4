"""Examples that do not fit into memory: loaded in pieces, in an order that (seed, epoch) gives, one piece ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.windows import Windows

Array = NDArray[Any]
Piece = tuple[Windows, Array]
"""X (n, length, channels) and y (n, k)."""


@dataclass(frozen=True)
class Stream:
    """Examples in pieces: *counts* says how many each has, *load* gives one; the same one each time."""

    counts: tuple[int, ...]
    load: Callable[[int], Piece]
    checksum: str
    """Of all that the pieces are made of."""

    def __len__(self) -> int:
        return sum(self.counts)

    def take(self, places: Array) -> Piece:
        """The examples at *places* (n,), which rise: each piece that has some of them is loaded once."""
        ends = np.cumsum(self.counts)
        taken = []
        for number in np.unique(np.searchsorted(ends, places, side="right")).tolist():
            begin = int(ends[number]) - self.counts[number]
            here = places[(places >= begin) & (places < ends[number])] - begin
            X, y = self.load(number)
            taken.append((X[here], y[here]))
        return join(taken)

    def epoch(self, *, seed: int, epoch: int, batch: int, begin: int) -> Iterator[tuple[Array, Array]]:
        """Batches X (batch, length, channels), y (batch, k) of *epoch* from batch *begin* on; a rest is left out.

        Pieces come in an order of their own each epoch, and so do the examples of each. All of it depends on
        (seed, epoch) alone, so a resumed run finds its place again.
        """
        pieces = np.random.RandomState([seed % 2**32, epoch]).permutation(len(self.counts)).tolist()
        ends = np.cumsum([self.counts[number] for number in pieces])
        first = int(np.searchsorted(ends, begin * batch, side="right"))
        skipped = begin * batch - (int(ends[first - 1]) if first else 0)
        rest = _Rest(batch)
        for at, (X, y) in enumerate(self._load(pieces[first:]), start=first):
            order = np.random.RandomState([seed % 2**32, epoch, at]).permutation(len(y))[skipped:]
            skipped = 0
            head = order[: rest.missing]
            yield from rest.fill(np.asarray(X[head]), y[head])
            order = order[len(head) :]
            for start in range(0, len(order) - batch + 1, batch):
                here = order[start : start + batch]
                yield np.asarray(X[here]), y[here]
            tail = order[len(order) // batch * batch :]
            yield from rest.fill(np.asarray(X[tail]), y[tail])

    def _load(self, pieces: Sequence[int]) -> Iterator[Piece]:
        """Each of *pieces*, while a thread loads the next one."""
        with ThreadPoolExecutor(1) as ahead:
            coming: Future[Piece] | None = ahead.submit(self.load, pieces[0]) if pieces else None
            for following in [*pieces[1:], None]:
                if coming is not None:
                    piece = coming.result()
                    coming = ahead.submit(self.load, following) if following is not None else None
                    yield piece


class _Rest:
    """What one piece leaves for a batch that the next one fills up."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._held: list[tuple[Array, Array]] = []

    @property
    def missing(self) -> int:
        """How many examples the batch still needs; 0 where none is begun."""
        held = sum(len(y) for _, y in self._held)
        return self._batch - held if held else 0

    def fill(self, X: Array, y: Array) -> Iterator[tuple[Array, Array]]:
        """Take examples in; yield the batch when it is full."""
        if len(y):
            self._held.append((X, y))
        if sum(len(part) for _, part in self._held) == self._batch:
            yield np.concatenate([part for part, _ in self._held]), np.concatenate([part for _, part in self._held])
            self._held = []


def join(pieces: Sequence[Piece]) -> Piece:
    """One piece of several: their rows one after the other, X (n, length, channels), y (n, k)."""
    if len(pieces) == 1:
        return pieces[0]
    parts = [X for X, _ in pieces]
    orders = [X.order_rows() for X in parts]
    rows, places = ([0, *np.cumsum([len(one) for one in some])] for some in ([X.rows for X in parts], orders))
    X = Windows(
        np.concatenate([X.rows for X in parts]),
        np.concatenate([X.begins + start for X, start in zip(parts, places, strict=False)]),
        np.concatenate([X.ends + start for X, start in zip(parts, places, strict=False)]),
        parts[0].length,
        np.concatenate([order + start for order, start in zip(orders, rows, strict=False)]).astype(np.int32),
    )
    return X, np.concatenate([y for _, y in pieces])


@dataclass(frozen=True)
class Streamed:
    """X or y of a stream, where an array is expected: it has a shape, and can be asked for some of its examples."""

    stream: Stream
    part: int
    """0: X, 1: y."""
    shape: tuple[int, ...]
    dtype: Any

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: Any) -> Any:
        whole = np.arange(len(self))[places]
        return self.stream.take(whole)[self.part]


def open_streams(stream: Stream) -> tuple[Streamed, Streamed]:
    """X (n, length, channels) and y (n, k) of *stream*."""
    X, y = stream.take(np.arange(1))
    return Streamed(stream, 0, (len(stream), *X.shape[1:]), X.dtype), Streamed(
        stream, 1, (len(stream), *y.shape[1:]), y.dtype
    )
