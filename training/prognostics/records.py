"""The records that windows are cut from: each unit as it was, at other paces, and as if met in mid-life.

A record is a choice of a unit's rows. None is copied, as long as each is the same in all records; where rows are
smoothed, or values are missing, a row owes something to the record it stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from training.data.windows import Windows
from training.prognostics.answers import (
    AGE,
    CAP,
    FAILS,
    FAILS_KNOWN,
    LAST,
    REMAINING,
    REMAINING_KNOWN,
    UNIT,
    is_known,
    width,
)
from training.prognostics.history import ROWS_AT_ONCE, Counts, Past, Scaled, in_records, scale, smooth, starts_of
from training.prognostics.late_starts import UNKNOWN_PAST, late_starts
from training.prognostics.questions import Questions, answer
from training.prognostics.scaling import Scaling
from training.prognostics.windows import UnitLog, stretch, stretched_rows, targets

Array = NDArray[np.floating]

TOGETHER: Final = 1 << 20
"""So many rows of records are joined at a time."""


class Showing(Protocol):
    """How units are shown: the keys of these names of a job that forecasts failure."""

    @property
    def window(self) -> int: ...
    @property
    def smooth(self) -> float: ...
    @property
    def carry(self) -> int: ...
    @property
    def horizons(self) -> tuple[float, ...]: ...
    @property
    def cap(self) -> float: ...
    @property
    def stretch(self) -> float: ...
    @property
    def late_starts(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def thin(self) -> int: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Record:
    """One unit's rows in the way they are shown: as one record, or as several, one after the other."""

    unit: int
    """Which of the logs."""
    rows: NDArray[np.int32]
    """(rows,) which of the log's own."""
    times: Array
    """(rows,) float64"""
    counts: Counts
    """(records,) how many of the rows each has."""
    ends: NDArray[np.intp]
    """(windows,) which of the rows end a window."""
    which: NDArray[np.intp]
    """(windows,) in which of the records."""
    y: Array
    """(windows, answers): of these rows alone, for they are a few of all."""


def whole_records(logs: Sequence[UnitLog], config: Showing, *, stride: int, thin: int) -> Iterator[Record]:
    """Each unit as it was."""
    for number, log in enumerate(logs):
        answers = partial(_answers_of, log, number, config)
        yield _record(number, _every_row(log), log.times, answers, stride=stride, thin=thin)


def training_records(logs: Sequence[UnitLog], config: Showing) -> Iterator[Record]:
    """Each unit as it was, then at other paces, then as if met in mid-life. Only the times of *logs* are looked at."""
    record = partial(_record, stride=config.stride, thin=config.thin)
    yield from whole_records(logs, config, stride=config.stride, thin=config.thin)
    yield from _at_other_paces(logs, config, record)
    firsts = np.random.RandomState(config.seed).randint(1, config.window + 1, config.late_starts).tolist()
    for number, log in enumerate(logs):
        # The answers are those of the whole record: what is known of a unit's future is not lost with its past.
        answers, rows = partial(_answers_of, log, number, config), _every_row(log)
        for first, counts in late_starts(len(rows), firsts, window=config.window):
            yield record(number, rows[first:], log.times[first:], answers, counts, first=first)


def _at_other_paces(logs: Sequence[UnitLog], config: Showing, record: Callable[..., Record]) -> Iterator[Record]:
    factors = [] if config.stretch == 1 else [1 / config.stretch, config.stretch]
    more_than_a_point = [number for number, log in enumerate(logs) if len(log.times) > 1]
    copies = [(factor, unit) for factor in factors for unit in more_than_a_point]
    # All units draw the same numbers, so these are drawn once.
    longest = max((stretched_rows(len(logs[unit].times), factor) for factor, unit in copies), default=0)
    chances = np.random.RandomState(config.seed).rand(longest)
    for number, (factor, unit) in enumerate(copies, start=len(logs)):
        slow, rows = stretch(logs[unit], factor, chances)
        yield record(unit, rows.astype(np.int32), slow.times, partial(_answers_of, slow, number, config))


def _every_row(log: UnitLog) -> NDArray[np.int32]:
    return np.arange(len(log.times), dtype=np.int32)


def _record(
    unit: int,
    rows: NDArray[np.int32],
    times: Array,
    answers: Callable[[NDArray[np.intp]], Array],
    counts: Counts | None = None,
    *,
    first: int = 0,
    stride: int,
    thin: int,
) -> Record:
    """Every *stride*-th row of each record, counted from its last, ends a window; of those beyond the cap every
    *thin*-th of these. Only rows of which something is known: *answers* says it, of rows counted from *first* before
    these.
    """
    counts = np.array([len(rows)]) if counts is None else counts
    each = -(-counts // stride)
    nth = np.repeat(np.cumsum(each), each) - 1 - np.arange(each.sum())
    ends = np.repeat(np.cumsum(counts), each) - 1 - stride * nth
    which, y = np.repeat(np.arange(len(counts)), each), answers(ends + first)
    beyond = y[:, REMAINING] > y[:, CAP]
    taken = is_known(y) & (~beyond | (nth % thin == 0))
    if not taken.all():
        ends, which, y = ends[taken], which[taken], y[taken]
    return Record(unit, rows, times, counts, ends, which, y)


def _answers_of(log: UnitLog, number: int, config: Showing, rows: NDArray[np.intp]) -> Array:
    """(rows, answers) of those *rows* of *log*."""
    asked = targets(log, cap=config.cap, horizon=config.horizons[0], rows=rows)
    questions = Questions(config.horizons, ("",) * len(log.parts_fail_at))
    y = np.empty((len(rows), width(len(questions.each()))), dtype=np.float32)
    y[:, REMAINING], y[:, REMAINING_KNOWN] = asked.remaining, asked.remaining_known
    y[:, FAILS], y[:, FAILS_KNOWN] = asked.fails, asked.fails_known
    y[:, CAP], y[:, UNIT], y[:, LAST] = config.cap, number, rows == len(log.times) - 1
    y[:, AGE] = log.times[rows] - log.times[0]
    answer(y, log, questions, rows)
    return y


def rows_are_shared(logs: Sequence[UnitLog], config: Showing) -> bool:
    """Whether each row is the same in all records, as long as none shows the time itself."""
    return config.smooth == 1 and not any(np.isnan(log.values.min(initial=0)) for log in logs)


def cut_windows(
    logs: Sequence[UnitLog], records: Iterable[Record], scaling: Scaling, config: Showing, *, clock: int | None
) -> tuple[Windows, Array]:
    """X (n, window, kept) and y (n, answers) of the records' windows; the last row of each record ends one. *clock*:
    which channel is the time itself, and goes on as the times of each record do.
    """
    timed, lengths = clock in scaling.kept, np.array([len(log.times) for log in logs])
    all_ = _join(records, starts_of(lengths), unknown=int(lengths.sum()), timed=timed)
    scaled = scale(logs, scaling, carry=config.carry)
    begins = starts_of(all_.counts + UNKNOWN_PAST)
    X = Windows(scaled.rows, begins[all_.which], all_.ends, config.window, all_.order)
    if config.smooth > 1 or scaled.since is not None or timed:
        here = np.flatnonzero(all_.order != scaled.unknown)
        own = _each_its_own(scaled, all_, here)
        if clock is not None and timed:
            rows, place = all_.order[here], scaling.kept.index(clock)
            own[here, place] = _scale_clock(logs, all_.times, rows, scaling.of(clock))
        nothing = Past.none(len(begins), 0, own.shape[1])
        smooth(own, all_.counts, nothing, over=config.smooth, starts=begins + UNKNOWN_PAST)
        X = replace(X, rows=own, order=None)
    return X, all_.y


@dataclass(frozen=True)
class _Joined:
    """Records one after the other, each of them after UNKNOWN_PAST places for what is not known of the time before."""

    order: NDArray[np.int32]
    """(places,) which row of `Scaled` stands there."""
    counts: Counts
    """(records,)"""
    ends: NDArray[np.intp]
    """(windows,) at which place each ends."""
    which: NDArray[np.intp]
    """(windows,) in which of the records."""
    y: Array
    times: NDArray[np.float32]
    """(rows,); none where nobody asks for them."""


def _join(records: Iterable[Record], firsts: Counts, *, unknown: int, timed: bool) -> _Joined:
    """Some records at a time: all of them, with what they take until they are joined, would fill as much memory again
    in small pieces, which costs most.
    """
    pieces: list[list[Any]] = [[] for _ in fields(_Joined)]
    rows_before = records_before = 0
    for some in _some_of(records):
        counts = np.concatenate([record.counts for record in some])
        rows = np.concatenate([firsts[record.unit] + record.rows for record in some], dtype=np.int32)
        begin = rows_before + starts_of(np.array([len(record.rows) for record in some]))
        first = records_before + starts_of(np.array([len(record.counts) for record in some]))
        which = np.concatenate([at + record.which for at, record in zip(first, some, strict=True)])
        ends = np.concatenate([at + record.ends for at, record in zip(begin, some, strict=True)])
        order, _ = in_records(rows, counts, before=UNKNOWN_PAST, unknown=unknown)
        times = np.concatenate([record.times[: len(record.times) * timed] for record in some]).astype(np.float32)
        y = np.concatenate([record.y for record in some])
        ends += UNKNOWN_PAST * (which + 1)
        for parts, part in zip(pieces, (order, counts, ends, which, y, times), strict=True):
            parts.append(part)
        rows_before, records_before = rows_before + len(rows), records_before + len(counts)
    return _Joined(*map(_put_together, pieces))


def _put_together(parts: list[Any]) -> Any:
    """*parts* one after the other; they are taken out of the list, so that no more than one of them is there twice."""
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    parts.clear()
    return whole


def _some_of(records: Iterable[Record]) -> Iterator[list[Record]]:
    some, rows = list[Record](), 0
    for record in records:
        some.append(record)
        rows += len(record.rows)
        if rows >= TOGETHER:
            yield some
            some, rows = [], 0
    if some:
        yield some


def _each_its_own(scaled: Scaled, all_: _Joined, here: NDArray[np.intp]) -> Array:
    """The rows of each record for itself (places, kept): what was measured before it began is not known in it. *here*:
    the places at which a row stands.
    """
    own = scaled.rows[all_.order]
    if scaled.since is None:
        return own
    rows = all_.order[here]
    since_it_began = rows - np.repeat(rows[starts_of(all_.counts)], all_.counts)
    for begin in range(0, len(rows), ROWS_AT_ONCE):  # of all rows at once this would take three times as much memory
        some = slice(begin, begin + ROWS_AT_ONCE)
        too_early = scaled.since[rows[some]] > since_it_began[some, None]
        own[here[some]] = np.where(too_early, np.float32(0), own[here[some]])
    return own


def _scale_clock(
    logs: Sequence[UnitLog], times: NDArray[np.float32], rows: NDArray[np.int32], scaling: Scaling
) -> Array:
    """(rows,) what each record's clock shows, by the *scaling* of that channel."""
    conditions = np.concatenate([log.conditions for log in logs])[rows]
    clocks: Array = scaling.apply(times[:, None], conditions)[:, 0]
    return clocks
