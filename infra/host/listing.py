"""What a run has left on the host, as the host says it: asked by one small program, looked at once."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.host import foreign, manifest
from infra.host.connection import Host
from infra.host.ledger import Ledger, Table, in_batches
from infra.host.programs import answer_of, lines_of, program

VERSION = struct.Struct("3q")


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """*version*: size, time written and time changed, packed, for there may be a million. A program can set
    the second and not the third: a file whose version is the same is the same file. *sha256*: empty while nobody has
    summed it up."""

    path: str
    version: bytes
    executable: bool
    sha256: str = ""

    @property
    def size(self) -> int:
        return int(VERSION.unpack(self.version)[0])

    @property
    def mtime_ns(self) -> int:
        return int(VERSION.unpack(self.version)[1])

    @property
    def ctime_ns(self) -> int:
        return int(VERSION.unpack(self.version)[2])

    @property
    def written(self) -> bytes:
        """The version but for the time changed."""
        return self.version[:16]


class Files:
    """By path, in the order in which bytes compare; on the disk."""

    def __init__(self, ledger: Ledger) -> None:
        self._packed = ledger.packed_table()

    def add(self, file: File) -> None:
        """In the place of one of the same path."""
        self._packed[file.path] = file.version + bytes([file.executable]) + bytes.fromhex(file.sha256)

    def find(self, path: str) -> File | None:
        packed = self._packed.get(path)
        return None if packed is None else _unpack(path, packed)

    def remove(self, path: str) -> None:
        del self._packed[path]

    def __contains__(self, path: object) -> bool:
        return path in self._packed

    def __iter__(self) -> Iterator[File]:
        return (_unpack(path, packed) for path, packed in self._packed.items())


def _unpack(path: str, packed: bytes) -> File:
    version, executable, sha256 = packed[: VERSION.size], packed[VERSION.size], packed[VERSION.size + 1 :]
    return File(path=path, version=version, executable=bool(executable), sha256=sha256.hex())


class Listing:
    """*links*: path -> target, packed as the disk there has it. *pending*: what has bytes that cannot be had; *others*:
    what has none (a fifo, say): path -> why. *sealed*: path -> SHA-256, as the run's manifest has it."""

    def __init__(self, ledger: Ledger) -> None:
        self.files = Files(ledger)
        self.links: Table[bytes] = ledger.packed_table()
        self.folders: Table[str] = ledger.table()
        self.pending: Table[str] = ledger.table()
        self.others: Table[str] = ledger.table()
        self.sealed: Table[str] = ledger.table()
        self.sealed_at_ns = 0

    def add(self, said: Mapping[str, Any]) -> None:
        """One thing, as the host says it. Raises ValueError or KeyError for one that makes no sense."""
        kind = said["kind"]
        path = "." if kind == "unread" and said["path"] == "" else foreign.inside(said["path"])
        if kind == "sealed":
            for name, sha256 in manifest.read([os.fsencode(foreign.raw(said["line"]))]):
                self.sealed[name] = sha256
        elif path == manifest.NAME and kind == "file":  # written here anew, when all it names is here
            self.sealed_at_ns = foreign.moment_ns(said["ctime_ns"])
        elif kind == "file":
            version = VERSION.pack(
                foreign.count(said["size"]),
                foreign.moment_ns(said["mtime_ns"]),
                foreign.moment_ns(said["ctime_ns"]),
            )
            self.files.add(File(path=path, version=version, executable=foreign.truth(said["executable"])))
        elif kind == "link":
            self.links[path] = os.fsencode(foreign.raw(said["target"]))
        elif kind == "folder":
            self.folders[path] = ""
        elif kind == "unread":
            self.pending[path] = foreign.text(said["trouble"])
        else:
            self.others[path] = foreign.text(said["trouble"])

    def names(self, path: str) -> bool:
        """Whether anything but a folder has that path."""
        return any(path in kind for kind in (self.files, self.links, self.pending, self.others))


def list_run(host: Host, folder: str, ledger: Ledger) -> Listing:
    """What is there now of a run that goes on."""
    return _ask(host, "list", folder, ledger)


def list_ended_run(host: Host, folder: str, ledger: Ledger, *, doubted: Collection[str] = ()) -> Listing:
    """What a run has left, each file with its SHA-256: the manifest's word if the file is older than the manifest and
    not *doubted*, else summed up now."""
    listing = _ask(host, "list-all", folder, ledger)
    for file in listing.files:
        sealed = listing.sealed.get(file.path, "") if file.ctime_ns < listing.sealed_at_ns else ""
        if sealed and file.path not in doubted:  # the manifest's word for it is the newest
            listing.files.add(dataclasses.replace(file, sha256=sealed))
    for files in in_batches(file for file in listing.files if not file.sha256):
        for file, sha256 in zip(files, _sum_up(host, folder, [file.path for file in files]), strict=True):
            if sha256:
                listing.files.add(dataclasses.replace(file, sha256=sha256))
            else:
                listing.files.remove(file.path)
                listing.pending[file.path] = "it cannot be read there"
    for path in listing.sealed:
        if not listing.names(path):
            listing.others[path] = "it was removed there after the run had ended"
    return listing


def _sum_up(host: Host, folder: str, paths: list[str]) -> list[str]:
    """The SHA-256 of each of *paths*; empty for one that the host has none for."""
    answer = answer_of(host, program("sender.py", "hash", folder), given=names(paths))
    said = [line.decode("ascii", "replace") for line in answer.split(b"\n") if line]
    said += [""] * (len(paths) - len(said))
    return [line if foreign.is_digest(line) else "" for line in said[: len(paths)]]


def names(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _ask(host: Host, verb: str, folder: str, ledger: Ledger) -> Listing:
    """What makes no sense is pending under the name it has in the answer: it may stand for a result."""
    listing = Listing(ledger)
    with contextlib.closing(lines_of(host, program("sender.py", verb, folder))) as lines:
        for line in filter(None, lines):
            try:
                listing.add(foreign.json_object(line))
            except (ValueError, KeyError) as error:
                said = foreign.make_printable(line.decode(errors="replace"))[:80]
                listing.pending[said] = f"the host's words for it: {error}"
    return listing
