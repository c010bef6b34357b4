"""What a run has left on the host, as the host says it: asked by one small program, looked at once."""

from __future__ import annotations

import dataclasses
import io
import os
import struct
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.host import foreign, manifest
from infra.host.connection import Host
from infra.host.programs import answer_of, program

VERSION = struct.Struct("3q")


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """*version*: size, time written and time changed, packed, for there may be a hundred thousand. A program can set
    the second and not the third: a file whose version is the same is the same file. *sha256*: empty while nobody has
    summed it up."""

    path: str
    version: bytes
    executable: bool
    sha256: str = ""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    path: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """*pending*: what has bytes that cannot be had; *others*: what has none (a fifo, say). Path -> why."""

    files: tuple[File, ...]
    links: tuple[Link, ...]
    folders: tuple[str, ...]
    pending: Mapping[str, str]
    others: Mapping[str, str]
    sealed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sealed_at_ns: int = 0


def list_run(host: Host, folder: str) -> Listing:
    """What is there now of a run that goes on."""
    return parse(answer_of(host, program("sender.py", "list", folder)))


def list_ended_run(host: Host, folder: str, *, doubted: Collection[str] = ()) -> Listing:
    """What a run has left, each file with its SHA-256: the manifest's word if the file is older than the manifest and
    not *doubted*, else summed up now."""
    listing = parse(answer_of(host, program("sender.py", "list-all", folder)))
    unsure = [file.path for file in listing.files if file.path in doubted or not _is_trusted(file, listing)]
    sums = {**dict.fromkeys(unsure, ""), **_sum_up(host, folder, unsure)}
    known = tuple(
        dataclasses.replace(file, sha256=sums[file.path] if file.path in sums else listing.sealed[file.path])
        for file in listing.files
    )
    unread = {file.path: "it cannot be read there" for file in known if not file.sha256}
    present = {
        *(file.path for file in known),
        *listing.pending,
        *listing.others,
        *(link.path for link in listing.links),
    }
    gone = {path: "it was removed there after the run had ended" for path in listing.sealed if path not in present}
    return dataclasses.replace(
        listing,
        files=tuple(file for file in known if file.sha256),
        pending={**listing.pending, **unread},
        others={**listing.others, **gone},
        sealed={},
    )


def _is_trusted(file: File, listing: Listing) -> bool:
    """Whether the manifest's word for it is the newest."""
    return file.path in listing.sealed and file.ctime_ns < listing.sealed_at_ns


def _sum_up(host: Host, folder: str, paths: list[str]) -> dict[str, str]:
    if not paths:
        return {}
    answer = answer_of(host, program("sender.py", "hash", folder), given=names(paths))
    said = [line.decode("ascii", "replace") for line in answer.split(b"\n") if line]
    return {path: line for path, line in zip(paths, said, strict=False) if foreign.is_digest(line)}


def names(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def parse(answer: bytes) -> Listing:
    """What makes no sense is pending under the name it has in the answer: it may stand for a result."""
    found = _Found()
    for whole in io.BytesIO(answer):
        if line := whole.rstrip(b"\n"):
            try:
                found.add(foreign.json_object(line))
            except (ValueError, KeyError) as error:
                found.pending[foreign.make_printable(line.decode(errors="replace"))[:80]] = (
                    f"the host's words for it: {error}"
                )
    return found.listing()


class _Found:
    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.links: dict[str, Link] = {}
        self.folders: dict[str, None] = {}
        self.pending: dict[str, str] = {}
        self.others: dict[str, str] = {}
        self.sealed: dict[str, str] = {}
        self.sealed_at_ns = 0

    def add(self, said: Mapping[str, Any]) -> None:
        kind = said["kind"]
        path = "." if kind == "unread" and said["path"] == "" else foreign.inside(said["path"])
        if path == manifest.NAME and kind == "file":  # written here anew, when all it names is here
            self.sealed = manifest.read(os.fsencode(foreign.raw(said.get("content", ""))))
            self.sealed_at_ns = foreign.moment_ns(said["ctime_ns"])
        elif kind == "file":
            version = VERSION.pack(
                foreign.count(said["size"]),
                foreign.moment_ns(said["mtime_ns"]),
                foreign.moment_ns(said["ctime_ns"]),
            )
            self.files[path] = File(path=path, version=version, executable=foreign.truth(said["executable"]))
        elif kind == "link":
            self.links[path] = Link(path=path, target=foreign.raw(said["target"]))
        elif kind == "folder":
            self.folders[path] = None
        elif kind == "unread":
            self.pending[path] = foreign.text(said["trouble"])
        else:
            self.others[path] = foreign.text(said["trouble"])

    def listing(self) -> Listing:
        return Listing(
            files=tuple(self.files.values()),
            links=tuple(self.links.values()),
            folders=tuple(self.folders),
            pending=self.pending,
            others=self.others,
            sealed=self.sealed,
            sealed_at_ns=self.sealed_at_ns,
        )
