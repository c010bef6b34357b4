"""What a pull must know of each file, in tables on the disk: a million files take no more memory than a hundred."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import ItemsView, Iterable, Iterator, MutableMapping
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from infra.errors import UserError

DISK_ERRORS: tuple[type[Exception], ...] = (OSError,)
try:
    import sqlite3
except ImportError:  # a Python that was built without it: there a pull fails, and `rig stop` must not
    _HAS_SQLITE = False
else:
    _HAS_SQLITE, DISK_ERRORS = True, (OSError, sqlite3.Error)

AT_ONCE = 10_000  # files asked for in one question
_ROWS_AT_ONCE = 500
# Nobody but us opens it and it is gone with us, so that nothing need be undone, waited for or locked. The cache: 2 MiB.
_ALONE = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -2048")

Item = TypeVar("Item")
Value = TypeVar("Value", str, bytes)


class Ledger:
    """Tables in *folder*, in a file without a name: whoever is killed leaves none of it.

    Raises one of DISK_ERRORS where *folder* cannot hold it, and UserError where Python has no sqlite3.
    """

    def __init__(self, folder: Path) -> None:
        if not _HAS_SQLITE:
            raise UserError(
                f"{sys.executable} was built without sqlite3, which keeps what a pull knows of each file.",
                "install another Python, such as your system's python3, and set rig up anew with it;\n"
                "nothing on the host was lost",
            )
        opened, name = mkstemp(dir=folder, prefix="ledger-")
        os.close(opened)
        try:
            # nolock: a home folder on a network disk may know no locks (https://sqlite.org/uri.html).
            address = f"file:{quote(os.fsencode(name))}?nolock=1"
            self._rows = sqlite3.connect(address, uri=True, isolation_level=None)
            for pragma in _ALONE:
                self._rows.execute(f"PRAGMA {pragma}")
            self._rows.execute("BEGIN EXCLUSIVE")
        finally:
            os.unlink(name)
        self._count = itertools.count()

    def table(self) -> Table[str]:
        """A new one, of texts."""
        return Table(self._rows, f"t{next(self._count)}")

    def packed_table(self) -> Table[bytes]:
        """A new one, of bytes."""
        return Table(self._rows, f"t{next(self._count)}")

    def close(self) -> None:
        self._rows.close()


class Table(MutableMapping[str, Value]):
    """As a dict, but sorted by key, as bytes compare; it may be changed while somebody reads it from front to end.

    What is written waits until some hundred rows have come, or somebody asks: a row by itself takes four times as long.
    """

    def __init__(self, rows: sqlite3.Connection, name: str) -> None:
        self._rows, self._name = rows, name
        self._waiting: dict[bytes, Value] = {}
        rows.execute(f"CREATE TABLE {name} (key BLOB PRIMARY KEY, value) WITHOUT ROWID")

    def get(self, key: str, default: Any = None) -> Any:
        packed = os.fsencode(key)
        if self._waiting:
            if packed in self._waiting:
                return self._waiting[packed]
            self._write()
        found = self._rows.execute(f"SELECT value FROM {self._name} WHERE key = ?", (packed,)).fetchone()
        return default if found is None else found[0]

    def __getitem__(self, key: str) -> Value:
        value: Value | None = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __setitem__(self, key: str, value: Value) -> None:
        self._waiting[os.fsencode(key)] = value
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            rows = self._waiting.items()
            self._rows.executemany(f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?)", rows)
            self._waiting.clear()

    def __delitem__(self, key: str) -> None:
        self._write()
        if not self._rows.execute(f"DELETE FROM {self._name} WHERE key = ?", (os.fsencode(key),)).rowcount:
            raise KeyError(key)

    def __len__(self) -> int:
        self._write()
        count: int = self._rows.execute(f"SELECT count(*) FROM {self._name}").fetchone()[0]
        return count

    def __bool__(self) -> bool:
        if self._waiting:
            return True
        return self._rows.execute(f"SELECT 1 FROM {self._name} LIMIT 1").fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.rows())

    def items(self) -> ItemsView[str, Value]:
        return _Items(self)

    def clear(self) -> None:
        self._waiting.clear()
        self._rows.execute(f"DELETE FROM {self._name}")

    def rows(self) -> Iterator[tuple[str, Value]]:
        """Some at a time: no cursor stays open over a table that is written to."""
        after = b""  # no key is empty
        while rows := self._some_after(after):
            yield from ((os.fsdecode(key), value) for key, value in rows)
            after = rows[-1][0]

    def _some_after(self, key: bytes) -> list[tuple[bytes, Value]]:
        self._write()
        return self._rows.execute(
            f"SELECT key, value FROM {self._name} WHERE key > ? ORDER BY key LIMIT {_ROWS_AT_ONCE}", (key,)
        ).fetchall()


class _Items(ItemsView[str, Value], Generic[Value]):
    _mapping: Table[Value]

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return self._mapping.rows()


def in_batches(items: Iterable[Item], at_once: int | None = None) -> Iterator[list[Item]]:
    """*items*, so many at once; without a number as many as one question to the host names."""
    left = iter(items)
    while some := list(itertools.islice(left, at_once or AT_ONCE)):
        yield some
