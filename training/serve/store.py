"""The state folder of a server: the newest snapshot of all units, and the journal of what came after it.

    model             the checksum of the model whose units these are
    state-N/          all units after entry N: arrays.npz, texts.json
    journal-N         the entries from N on

Each step leaves a folder that can be gone on with. A snapshot appears whole, by its rename; the journal it replaces is
removed after that, and its entries are passed over until then.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from training.errors import BadInput, TrainingError
from training.serve.body import Body
from training.serve.journal import Journal, read_journal
from training.workdir.atomic import clear_aside, flush, replace_text
from training.workdir.names import ASIDE

REST: Final = 20.0
"""Between two snapshots passes so many times as long as one took: they take a twentieth of the time at most."""
ENTRIES: Final = 500
"""No snapshot for fewer entries than this: they are read again in seconds."""
ARRAYS, TEXTS = "arrays.npz", "texts.json"
WHAT_NOW: Final = "name another folder with --state, or move this one away: every unit then begins anew"


@dataclass(frozen=True)
class Entry:
    """What changed the units. *what*: "rows", or "forget", then of `body.unit`."""

    what: str
    body: Body

    def to_bytes(self) -> bytes:
        head = {"what": self.what, "kind": self.body.kind, "unit": self.body.unit}
        return json.dumps(head).encode() + b"\n" + self.body.content

    @classmethod
    def from_bytes(cls, payload: bytes) -> Entry:
        head, _, content = payload.partition(b"\n")
        told = json.loads(head)
        return cls(told["what"], Body(content, told["kind"], told["unit"]))


@dataclass(frozen=True)
class Snapshot:
    arrays: Mapping[str, NDArray[Any]]
    texts: Mapping[str, Any]


@dataclass
class Store:
    """One process at a time has a folder. *number*: of the last entry."""

    folder: Path
    number: int = 0
    _kept: int = 0
    """The entry after which the newest snapshot was made."""
    _journal: Journal | None = None
    _due: float = 0.0
    _lock: int = field(default=-1, repr=False)

    def open(self, model: str) -> Snapshot | None:
        """The newest snapshot; `entries` has what came after it. Raises BadInput where the folder is another model's,
        damaged, or in use.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._claim()
        clear_aside(self.folder)
        self._check_model(model)
        numbers = self._numbers("state-")
        if not numbers:
            return None
        self.number = self._kept = numbers[-1]
        return _read_snapshot(self.folder / f"state-{numbers[-1]}")

    def entries(self) -> Iterator[Entry]:
        """What is not in the snapshot, oldest first; afterwards the folder is ready for `write`."""
        for begin in self._numbers("journal-"):
            path = self.folder / f"journal-{begin}"
            for number, payload in enumerate(read_journal(path), start=begin):
                if number > self.number:
                    self.number = number
                    yield Entry.from_bytes(payload)
        self._open_journal()

    def write(self, entry: Entry) -> None:
        """On the disk when it returns. Raises OSError, and then nothing was written."""
        assert self._journal is not None, "entries() comes first"
        self._journal.append(entry.to_bytes())
        self.number += 1

    @property
    def is_due(self) -> bool:
        return self.number - self._kept >= ENTRIES and time.monotonic() >= self._due

    def snapshot(self, state: Snapshot) -> None:
        """Keep *state*, which is that after the last entry, in place of the journal. Raises OSError."""
        begun = time.monotonic()
        if self.number > self._kept:
            _write_snapshot(self.folder / f"state-{self.number}", state)
            self._kept = self.number
            self._open_journal()
            self._remove_old()
        self._due = time.monotonic() + REST * (time.monotonic() - begun)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def bytes(self) -> int:
        return self._journal.size if self._journal else 0

    def _claim(self) -> None:
        self._lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(
                f"{self.folder} is in use by another server", "end that one, or name another folder with --state"
            ) from error

    def _check_model(self, model: str) -> None:
        path = self.folder / "model"
        known = path.read_text().strip() if path.is_file() else ""
        if known and known != model:
            raise BadInput(f"{self.folder} holds the units of another model", WHAT_NOW)
        if not known:
            replace_text(path, model + "\n", "the name of the model")

    def _numbers(self, start: str) -> list[int]:
        names = (path.name.removeprefix(start) for path in self.folder.glob(f"{start}*"))
        return sorted(int(name) for name in names if name.isdecimal())

    def _open_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._journal = Journal(self.folder / f"journal-{self.number + 1}")

    def _remove_old(self) -> None:
        for number in self._numbers("journal-"):
            if number <= self._kept:
                (self.folder / f"journal-{number}").unlink()
        for number in self._numbers("state-"):
            if number < self._kept:
                shutil.rmtree(self.folder / f"state-{number}")


def _write_snapshot(target: Path, state: Snapshot) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=ASIDE) as aside:
        whole = Path(aside) / target.name
        whole.mkdir()
        with (whole / ARRAYS).open("wb") as file:
            np.savez(file, **cast("Any", state.arrays))
            file.flush()
            os.fsync(file.fileno())
        with (whole / TEXTS).open("w", encoding="utf-8") as file:
            json.dump(state.texts, file)
            file.flush()
            os.fsync(file.fileno())
        whole.rename(target)
    flush(target.parent)


def _read_snapshot(path: Path) -> Snapshot:
    try:
        with np.load(path / ARRAYS, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return Snapshot(arrays, json.loads((path / TEXTS).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path} is damaged", WHAT_NOW) from error
