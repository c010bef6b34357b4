"""What was pulled of a run that is not whole here yet: a time is no proof of whose a file is, a SHA-256 is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.host.listing import File, Link


class Pulled:
    """A line of JSON for each thing put down, added before it is: whoever is killed in between must not meet his own
    copy as somebody else's. Several pulls may add at once; what a kill cut in two is passed over."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._sums: dict[str, set[str]] = {}
        self._last: dict[str, Mapping[str, Any]] = {}
        if record.is_file():
            for line in record.read_bytes().split(b"\n"):
                self._learn(line)

    def _learn(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            self._sums.setdefault(said["path"], set()).add(said["what"])
            self._last[said["path"]] = said
        except (ValueError, KeyError, TypeError):
            return

    def is_ours(self, path: str, what: str) -> bool:
        """*what*: the SHA-256 of the file that is there under *path*, or the target of the link."""
        return what in self._sums.get(path, ())

    def holds(self, file: File, home: Path) -> bool:
        """Whether this very version was put down, and what was put down then is still there as it was."""
        said = self._last.get(file.path, {})
        try:
            here = (home / said.get("place", file.path)).lstat()
        except OSError:
            return False
        return said.get("version") == list(file.version) and said.get("here") == [here.st_size, here.st_mtime_ns]

    def add_file(self, file: File, arrived: Path, what: str, *, place: str) -> None:
        found = arrived.stat()
        here = [found.st_size, found.st_mtime_ns]
        self._add({"path": file.path, "what": what, "version": file.version, "place": place, "here": here})

    def add_link(self, link: Link) -> None:
        self._add({"path": link.path, "what": link.target})

    def add_sums(self, sums: Mapping[str, str]) -> None:
        self._add(*({"path": path, "what": what} for path, what in sums.items()))

    def _add(self, *said: Mapping[str, Any]) -> None:
        lines = [json.dumps(one).encode() + b"\n" for one in said]
        # One write at the end of the file: what two pulls add at once does not mix.
        record = os.open(self._record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(record, b"".join(lines))
        finally:
            os.close(record)
        for line in lines:
            self._learn(line)
