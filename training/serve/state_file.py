"""What `predict --state FILE` keeps between two starts, so that no unit is met anew after a restart.

One NumPy archive: for each unit what its next row needs, and the time of its last row. Written aside and renamed, so it
is there whole or as it was before; read with every number checked, and only for the run that kept it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from training.errors import BadInput
from training.prognostics.log_keys import TIME_OF_DAY
from training.prognostics.preparation import Preparation
from training.serve.forecaster import Forecaster, Memory
from training.serve.memory import names_of, put_memory, take_memory
from training.serve.rows import Arrived, pick_rows
from training.serve.tail import Say
from training.workdir.atomic import replace_when_whole

REST: Final = 20.0
"""After a write there is none for so many times as long as it took: writing takes a twentieth of the time at most."""

WHAT_NOW: Final = "Name another file with --state, or move this one away: every unit then begins anew."


def run_mark(prepared: Preparation) -> str:
    """Tells the runs apart whose states must not be mixed."""
    return hashlib.sha256(json.dumps(prepared.as_json(), sort_keys=True).encode()).hexdigest()


def write_state(path: Path, prepared: Preparation, memory: Memory) -> None:
    """Raises DiskFull; what stood at *path* stays then."""
    parts = _pack_memory(prepared, memory)
    with replace_when_whole(path, "the state of the units") as aside, aside.open("wb") as file:
        np.savez(file, **cast("Any", parts))
        file.flush()
        os.fsync(file.fileno())


def _pack_memory(prepared: Preparation, memory: Memory) -> dict[str, NDArray[Any]]:
    units, arrays = take_memory(memory)
    return {"run": _text(run_mark(prepared)), "units": _text(json.dumps(units)), **arrays}


def _text(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def read_state(path: Path, prepared: Preparation) -> Memory:
    """What `write_state` wrote. Raises BadInput where *path* is damaged, or of another run."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            parts = {name: archive[name] for name in ("run", "units", *names_of(prepared))}
        mark = bytes(parts["run"]).decode()
        units = json.loads(bytes(parts["units"]).decode())
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}", WHAT_NOW) from error
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise BadInput(f"{path} is no state of predict, or damaged", WHAT_NOW) from error
    if mark != run_mark(prepared):
        raise BadInput(f"{path} was kept for another run", WHAT_NOW)
    try:
        return put_memory(prepared, units, parts)
    except ValueError as error:
        raise BadInput(f"{path} is no state of predict, or damaged", WHAT_NOW) from error


@dataclass
class StateFile:
    """Keeps what *forecaster* remembers in *path*, written again and again while rows arrive."""

    path: Path
    forecaster: Forecaster
    _due: float = 0.0
    _whole: bool = True
    """Every row that the forecaster remembers has been answered."""
    _stop: bool = False

    def restore(self, say: Say) -> None:
        """Raises BadInput where there is a file that cannot be used, or no place for one."""
        if not self.path.parent.is_dir() or not os.access(self.path.parent, os.W_OK):
            raise BadInput(f"--state {self.path}: {self.path.parent} is no folder you may write to", "make it first")
        if self.forecaster.prepared.columns.dates == TIME_OF_DAY:
            # After a restart 00:15 of another day would be taken for a time that was answered.
            raise BadInput(
                f"--state {self.path}: the log's times name no day",
                'train with the day as well: time = ["date", "time"]',
            )
        if not self.path.exists():
            say(f"{self.path} is not there yet: every unit begins anew")
            return
        self.forecaster.memory = read_state(self.path, self.forecaster.prepared)
        say(f"{self.path}: going on with {len(self.forecaster.memory.place):,} units")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the block while it waits, never between a row's forecast and its answer."""
        before = {number: signal.signal(number, self._asked_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            if self._whole:
                self._save()
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def piece(self) -> Iterator[None]:
        """Some rows are forecast and answered; a block that fails leaves the state as it was before them."""
        self._whole = False
        yield
        self._whole = True
        if time.monotonic() >= self._due:
            self._save()
        if self._stop:
            raise KeyboardInterrupt

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True
        if self._whole:
            raise KeyboardInterrupt

    def _save(self) -> None:
        begun = time.monotonic()
        write_state(self.path, self.forecaster.prepared, self.forecaster.memory)
        self._due = time.monotonic() + REST * (time.monotonic() - begun)


def skip_answered(
    logs: Iterable[Iterable[Arrived]], last: Callable[[], Mapping[str, float]], *, say: Say, when: str
) -> Iterator[Arrived]:
    """The rows of *logs*, one after the other, that come after the time *last* answered of their unit before the log:
    it may be read again from its first line. What is left out is said once, with *when* it was answered.
    """
    answered = 0
    for log in logs:
        before = last()
        for arrived in log:
            times = arrived.rows.times.tolist()
            new = [at > before.get(unit, -np.inf) for unit, at in zip(arrived.rows.units, times, strict=True)]
            answered += len(new) - sum(new)
            if all(new):
                yield arrived
            elif any(new):
                yield pick_rows(arrived, np.flatnonzero(new))
    if answered:
        say(f"{answered:,} rows were answered {when}: left out")
