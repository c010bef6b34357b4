"""What was pulled of a run that is not whole here yet: a time is no proof of whose a file is, a SHA-256 is."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.host.arrived import Arrived
from infra.host.ledger import Ledger, in_batches
from infra.host.listing import VERSION, File

_HERE = struct.Struct("2q")  # size and time written of what was put down here


class Pulled:
    """A line of JSON for each thing put down, added before it is: whoever is killed in between must not meet his own
    copy as somebody else's. Several pulls may add at once; what a kill or a full disk cut in two is passed over."""

    def __init__(self, record: Path, ledger: Ledger) -> None:
        self._record = record
        self._ours = ledger.table()
        self._last = ledger.packed_table()
        self._places = ledger.table()
        if record.is_file():
            with record.open("rb") as lines:
                for line in lines:
                    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, struct.error):
                        self._learn(json.loads(line))

    def _learn(self, said: Mapping[str, Any]) -> None:
        path = said["path"]
        self._ours[_both(path, said["what"])] = ""
        if "version" in said:
            self._last[path] = VERSION.pack(*said["version"]) + _HERE.pack(*said["here"])
            if said["place"] != path:
                self._places[path] = said["place"]
            elif self._places:
                self._places.pop(path, None)

    def is_ours(self, path: str, what: str) -> bool:
        """*what*: the SHA-256 of the file that is there under *path*, or the target of the link."""
        return _both(path, what) in self._ours

    def holds(self, file: File, home: Path) -> bool:
        """Whether this very version was put down, and what was put down then is still there as it was."""
        try:
            here = (home / self._places.get(file.path, file.path)).lstat()
        except OSError:
            return False
        return bool(self._last.get(file.path) == file.version + _HERE.pack(here.st_size, here.st_mtime_ns))

    def add_files(self, placed: Iterable[tuple[Arrived, str]]) -> None:
        """Each with the place, below the run's folder, where it is put down."""
        self._add(*(
            {"path": one.file.path, "what": one.what, "version": VERSION.unpack(one.file.version), "place": place,
             "here": [one.size, one.mtime_ns]}
            for one, place in placed
        ))  # fmt: skip

    def add_link(self, path: str, target: str) -> None:
        self._add({"path": path, "what": target})

    def add_sums(self, sums: Iterable[tuple[str, str]]) -> None:
        for some in in_batches(sums):
            self._add(*({"path": path, "what": what} for path, what in some))

    def _add(self, *said: Mapping[str, Any]) -> None:
        if not said:
            return
        # An empty line first: what was cut in two before takes none of these with it.
        lines = b"\n" + b"".join(json.dumps(one).encode() + b"\n" for one in said)
        # One write at the end of the file: what two pulls add at once does not mix.
        record = os.open(self._record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(record, lines) < len(lines):  # a disk takes the last that it can hold, and says nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(record)
        for one in said:
            self._learn(one)


def _both(path: str, what: str) -> str:
    """No path has a zero byte in it."""
    return f"{path}\0{what}"
