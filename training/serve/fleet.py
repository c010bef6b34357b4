"""The units in service: what each one's next row needs, and what was last said of it.

Rows are written to the journal before they count, and they count before they are answered. So whatever was answered is
there after a crash, and a request whose answer was lost is sent again and gets the same one.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.console import plain
from training.errors import BadInput
from training.prognostics.cells import kind_of_time
from training.prognostics.columns import Columns
from training.prognostics.metrics import probability
from training.serve.arrays import pack, unpack
from training.serve.body import BadBody, Body, Problem, read_body
from training.serve.forecaster import Forecast, Forecaster
from training.serve.memory import names_of, put_memory, take_memory
from training.serve.recurrent import Array
from training.serve.rows import Arrived, by_unit
from training.serve.stepping import forecast_steps
from training.serve.store import WHAT_NOW, Entry, Snapshot, Store

log = logging.getLogger(__name__)

HISTORY = 120
"""Forecasts kept of each unit, for whoever looks."""
PREFIX = "memory."  # of the arrays in a snapshot that the forecaster keeps
REPEATS, REPEATED_ROWS = 64, 20_000
"""Answers kept for requests that are sent again, by number of requests and of rows."""


class NoRoom(Exception):
    """One unit more than may be kept."""


@dataclass(frozen=True)
class Unit:
    """What is shown of a unit; a new one takes its place with each request, so that a reader never sees half."""

    count: int
    """Rows so far."""
    times: NDArray[np.float64]
    """Of the last rows, up to HISTORY of them."""
    probability: Array
    """NaN where there was nothing to forecast from."""
    life: Array
    marks: NDArray[np.intp]
    """Of the last row: rows of the window, channels missing, channels outside. Empty, as all but the count, before the
    first step is over.
    """
    values: Array
    """(window, channels) the last rows as they came."""
    conditions: Array


@dataclass(frozen=True)
class Answer:
    """For each row of a request: unit, time as it was written, forecast. Probability and life are NaN where there was
    nothing to forecast from.
    """

    units: list[str]
    times: list[str]
    probability: list[float]
    life: list[float]
    rows: list[int]
    missing: list[int]
    outside: list[int]
    low: list[float]
    high: list[float]
    """The interval that holds the remaining life nine times in ten; NaN where the run could promise none."""
    repeated: bool = False
    others: list[list[float]] = field(default_factory=list)
    """(questions - 1, rows) the probabilities of further horizons and parts."""


def answer_of(arrived: Arrived, said: Forecast) -> Answer:
    told = (said.probability, said.life, said.low, said.high)
    probability, life, low, high = (np.where(said.known, one, np.nan).tolist() for one in told)
    marks = (said.rows.tolist(), said.missing.tolist(), said.outside.tolist())
    others = np.where(said.known[:, None], said.others, np.nan).T.tolist()
    return Answer(arrived.rows.units, arrived.times, probability, life, *marks, low, high, others=others)


@dataclass
class Fleet:
    """Thread-safe: one request at a time changes it."""

    forecaster: Forecaster
    store: Store
    most_units: int
    units: dict[str, Unit] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    """Each unit's last time, as its log has it."""
    _answers: OrderedDict[str, Answer] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def columns(self) -> Columns:
        return self.forecaster.prepared.columns.in_no_file

    def restore(self, model: str) -> int:
        """Go on from the store's folder; how many entries of its journal were gone through. Raises BadInput."""
        found = self.store.open(model)
        if found is not None:
            self._set(found)
        before = self.store.number
        for entry in self.store.entries():
            self._repeat(entry)
        return self.store.number - before

    def _repeat(self, entry: Entry) -> None:
        if entry.what == "forget":
            self._drop(entry.body.unit)
            return
        try:
            self._take(_digest(entry.body), read_body(entry.body, self.columns, self._last_time))
        except Exception as error:  # noqa: BLE001  its sender got no answer either, and the other entries still count
            log.warning("entry %d of %s is passed over: %s", self.store.number, self.store.folder, error)

    def add(self, body: Body) -> Answer:
        """Rows in, forecasts out. Raises BadBody or NoRoom, and OSError where they cannot be written down: then nothing
        has changed.
        """
        digest = _digest(body)
        with self._lock:
            if digest in self._answers:
                return replace(self._answers[digest], repeated=True)
            arrived = read_body(body, self.columns, self._last_time)
            self._check(arrived)
            self.store.write(Entry("rows", body))
            answer = self._take(digest, arrived)
            if self.store.is_due:
                self._save()
            return answer

    def probabilities(self, unit: str) -> dict[str, float]:
        """Of each horizon and part that is asked about, as of the unit's newest row; empty before its first step is
        over. Raises KeyError where there is no such unit.
        """
        with self._lock:
            memory = self.forecaster.memory
            place = memory.place[unit]
            window, seen = memory.windows[place : place + 1], int(memory.past.seen[place])
            said = probability(self.forecaster.net(window)[0, 1:]).tolist() if seen else []
        return dict(zip(self.forecaster.prepared.questions.columns(), said, strict=False))

    def forget(self, unit: str) -> bool:
        """Whether there was such a unit. Its next row begins anew. Raises OSError."""
        with self._lock:
            if unit not in self.units:
                return False
            self.store.write(Entry("forget", Body(b"", "", unit)))
            self._drop(unit)
            return True

    def close(self) -> None:
        """Keep all units in one snapshot, which is read faster than a journal."""
        with self._lock:
            self._save()
            self.store.close()

    def _check(self, arrived: Arrived) -> None:
        new = [unit for unit in dict.fromkeys(arrived.rows.units) if unit not in self.units]
        if len(self.units) + len(new) > self.most_units:
            raise NoRoom(f"{len(self.units):,} units are kept, and {self.most_units:,} is the most")
        problems = [*self._late(arrived), *self._other_clock(arrived)]
        if problems:
            raise BadBody(problems, "Nothing of the request was used. GET /units/UNIT says a unit's last time.")

    def _last_time(self, unit: str) -> float:
        memory = self.forecaster.memory
        return float(memory.times[memory.place[unit]]) if unit in memory.place else -math.inf

    def _late(self, arrived: Arrived) -> Iterator[Problem]:
        rows = arrived.rows
        last = {unit: self._last_time(unit) for unit in dict.fromkeys(rows.units)}
        late = rows.times <= np.fromiter(map(last.__getitem__, rows.units), dtype=np.float64, count=len(rows.units))
        for row in np.flatnonzero(late).tolist():
            unit = rows.units[row]
            what = f"{arrived.times[row]} of unit '{unit}' does not come after {self.written[unit]}, the last one taken"
            yield Problem(int(rows.lines[row]), self.columns.time, plain(what))

    def _other_clock(self, arrived: Arrived) -> Iterator[Problem]:
        """Local times beside times with a zone are hours apart, also from one request to the next."""
        line, first = int(arrived.rows.lines[0]), arrived.times[0]
        known = next(iter(self.written.values()), first)
        kind, other = kind_of_time(known), kind_of_time(first)
        if kind != other:
            what = f"'{first}' is {other}, unlike '{known}' of an earlier request, which is {kind}"
            yield Problem(line, self.columns.time, plain(what))

    def _take(self, digest: str, arrived: Arrived) -> Answer:
        told, said = forecast_steps(self.forecaster, arrived)
        answer = answer_of(told, said)
        came = by_unit(arrived.rows.units).places()
        here = came if told is arrived else by_unit(told.rows.units).places()
        new: dict[str, NDArray[Any]] = {
            "times": told.rows.times,
            "probability": np.array(answer.probability, dtype=np.float32),
            "life": np.array(answer.life, dtype=np.float32),
            "values": told.rows.values,
            "conditions": told.rows.conditions,
        }
        nothing = np.empty(0, dtype=np.intp)
        for name, rows in came.items():
            self.units[name] = self._update(self.units.get(name), len(rows), new, answer, here.get(name, nothing))
            self.written[name] = arrived.times[rows[-1]]
        self._remember(digest, answer)
        return answer

    def _update(
        self, before: Unit | None, came: int, new: dict[str, NDArray[Any]], answer: Answer, here: NDArray[np.intp]
    ) -> Unit:
        """*new*: of all rows that were told; *here*: which of them are this unit's."""
        window, last = self.forecaster.prepared.window, here[-1:]

        def join_newest(name: str, added: NDArray[Any], most: int) -> NDArray[Any]:
            kept = most - len(added)  # a copy either way: a view would keep all rows of the request
            earlier = getattr(before, name)[-kept:] if before and kept > 0 else added[:0]
            return np.concatenate([earlier, added[-most:]])

        marks = [(answer.rows[row], answer.missing[row], answer.outside[row]) for row in last.tolist()]
        most = {"times": HISTORY, "probability": HISTORY, "life": HISTORY, "values": window, "conditions": window}
        return Unit(
            count=(before.count if before else 0) + came,
            marks=join_newest("marks", np.ravel(marks).astype(np.intp), 3),
            **{name: join_newest(name, added[here], most[name]) for name, added in new.items()},
        )

    def _remember(self, digest: str, answer: Answer) -> None:
        self._answers[digest] = answer
        kept = sum(len(one.times) for one in self._answers.values())
        while len(self._answers) > 1 and (len(self._answers) > REPEATS or kept > REPEATED_ROWS):
            _, oldest = self._answers.popitem(last=False)
            kept -= len(oldest.times)

    def _drop(self, unit: str) -> None:
        self.units.pop(unit, None)
        self.written.pop(unit, None)
        memory = self.forecaster.memory
        self.forecaster.memory = memory.only([one for one in memory.place if one != unit])

    def _save(self) -> None:
        past, memory = take_memory(self.forecaster.memory)
        kept = {PREFIX + name: array for name, array in memory.items()}
        arrays = {**pack(Unit, list(self.units.values()), prefix="unit."), **kept}
        answers = {digest: asdict(answer) for digest, answer in self._answers.items()}
        texts = {"units": list(self.units), "past": past, "written": self.written, "answers": answers}
        self.store.snapshot(Snapshot(arrays, texts))

    def _set(self, found: Snapshot) -> None:
        try:
            texts = found.texts
            self.units = dict(zip(texts["units"], unpack(Unit, found.arrays, prefix="unit."), strict=True))
            memory = {name: found.arrays[PREFIX + name] for name in names_of(self.forecaster.prepared)}
            self.forecaster.memory = put_memory(self.forecaster.prepared, texts["past"], memory)
            self.written = dict(texts["written"])
            self._answers = OrderedDict((digest, Answer(**answer)) for digest, answer in texts["answers"].items())
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"{self.store.folder} is damaged: {error}", WHAT_NOW) from error


def _digest(body: Body) -> str:
    return hashlib.sha256(b"\0".join([body.kind.encode(), body.unit.encode(), body.content])).hexdigest()
