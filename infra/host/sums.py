"""What is known of the files here: the SHA-256 of each, worked out once, and whose name it was put down under."""

from __future__ import annotations

import os
from collections.abc import Iterable

from infra.host.arrived import Arrived, sha256
from infra.host.ledger import Ledger


class Sums:
    def __init__(self, ledger: Ledger) -> None:
        self._sums, self._put_as = ledger.table(), ledger.packed_table()

    def of(self, place: str) -> str:
        """The SHA-256 of a regular file, "-" for anything else."""
        try:
            with open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
                key = _version(os.fstat(file.fileno()))
                known: str | None = self._sums.get(key)
                if known is None:
                    known = self._sums[key] = sha256(file)
                return known
        except OSError:  # absent, a folder, a link
            return "-"

    def note(self, landed: Iterable[tuple[Arrived, os.stat_result]]) -> None:
        """What was put down, and how it lies there now."""
        for one, found in landed:
            self._sums[_version(found)] = one.what
            self._put_as[_number(found)] = os.fsencode(one.file.path)

    def shows_another(self, home: str, path: str) -> bool:
        """Whether what *path* leads to is a file that was put down for another one: a disk that takes "A" for "a" shows
        it here too.

        What has the number of one of ours may be new: another pull has replaced ours, and the number was free again.
        """
        number = _number(os.lstat(f"{home}/{path}"))
        known = os.fsdecode(self._put_as.get(number, os.fsencode(path)))
        try:
            return known != path and _number(os.lstat(f"{home}/{known}")) == number
        except FileNotFoundError:
            return False


def _version(found: os.stat_result) -> str:
    """Another one whenever it is written."""
    return _key(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _number(found: os.stat_result) -> str:
    """One for each file of this computer."""
    return _key(found.st_dev, found.st_ino)


def _key(*numbers: int) -> str:
    return " ".join(map(str, numbers))
