"""Show what a run left, and send it. Runs on the host, on the standard library, and writes nothing there.

python3 sender.py list DIR      one line of JSON for each thing below DIR: path, kind (file, link, folder, unread,
                                other), and size, times, target, or the `trouble` with it
python3 sender.py list-all DIR  the same of a run that is over: what its owner may not read is opened for him first,
                                and the lines of the manifest follow it (kind sealed)
python3 sender.py hash DIR      the SHA-256 of the files named on standard input, in their order; empty where unreadable
python3 sender.py send DIR      a tar stream of the files named on standard input; each member's name is the place of
                                its file in that order, so that no name has to survive the journey

Names on standard input end with a zero byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import stat
import sys
import tarfile
import threading
from collections.abc import Iterator
from typing import IO, cast

MANIFEST = b"MANIFEST.sha256"
NO_RESULTS = (b".code", b".code.json")  # the run's copy of the code, and what it was (infra/remote/workspace.py)
NO_SEAL_YET = b".gluon-rig-MANIFEST.sha256."  # a manifest that the recorder writes at this moment, or was killed over
TORN = "torn"  # the member that follows one whose file shrank while it was sent
PULSE_S = 10.0  # a sign of life, so that a long sum is not taken for a machine that hangs
CHUNK = 1 << 20
LONGEST_LINE = 1 << 17


def main(words: list[str], names: IO[bytes], out: IO[bytes]) -> int:
    verb, root = (words[0], os.fsencode(words[1])) if len(words) == 2 else ("", b"")
    if verb not in ("list", "list-all", "hash", "send"):
        print(__doc__, file=sys.stderr)
        return 2
    if not os.path.isdir(root):
        print(f"there is no folder {words[1]}", file=sys.stderr)
        return 1
    if verb == "send":
        send(root, read_names(names), out)
    elif verb == "hash":
        for line in with_pulse(out, hashes(root, read_names(names))):
            out.write(line)
    else:
        for thing in things(root, over=verb == "list-all"):
            out.write(json.dumps(thing).encode() + b"\n")
    out.flush()
    return 0


def read_names(names: IO[bytes]) -> list[bytes]:
    return [name for name in names.read().split(b"\0") if name]


def things(root: bytes, *, over: bool) -> Iterator[dict[str, object]]:
    """Everything below *root* that is no folder with something in it, and the folders. *over*: nobody writes any more,
    so a mode by which the run shut its own owner out may be lifted."""
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        try:
            # One name at a time: a folder may hold a million.
            with os.scandir(openable(os.path.join(root, folder), 0o500, over=over)) as entries:
                for path in (os.path.join(folder, entry.name) for entry in entries):
                    thing = look(os.path.join(root, path), over=over)
                    if thing["kind"] == "gone" or path in NO_RESULTS or path.startswith(NO_SEAL_YET):
                        continue
                    if thing["kind"] == "folder":
                        waiting.append(path)
                    yield {"path": text(path), **thing}
                    if over and path == MANIFEST and thing["kind"] == "file":
                        yield from lines_of_manifest(os.path.join(root, path))
        except OSError as error:
            yield {"path": text(folder), "kind": "unread", "trouble": error.strerror}


def lines_of_manifest(manifest: bytes) -> Iterator[dict[str, object]]:
    """Its lines; what it does not say is summed up. One that is longer than two names is none of the recorder's."""
    with contextlib.suppress(OSError), opened(manifest) as (file, _):
        lines = io.BufferedReader(cast("io.RawIOBase", file))
        while line := lines.readline(LONGEST_LINE):
            yield {"path": text(MANIFEST), "kind": "sealed", "line": text(line)}


def look(path: bytes, *, over: bool) -> dict[str, object]:
    try:
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            return {"kind": "folder"}
        if stat.S_ISLNK(found.st_mode):
            return {"kind": "link", "target": text(os.readlink(path))}
        if not stat.S_ISREG(found.st_mode):
            return {"kind": "other", "trouble": KINDS.get(stat.S_IFMT(found.st_mode), "no file")}
        os.close(os.open(openable(path, 0o400, over=over), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW))
        found = os.lstat(path)
    except OSError as error:
        return {"kind": "gone" if isinstance(error, FileNotFoundError) else "unread", "trouble": error.strerror}
    return {
        "kind": "file", "size": found.st_size, "mtime_ns": found.st_mtime_ns, "ctime_ns": found.st_ctime_ns,
        "executable": bool(found.st_mode & 0o100),
    }  # fmt: skip


KINDS = {stat.S_IFIFO: "a fifo", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def openable(path: bytes, need: int, *, over: bool) -> bytes:
    """*path*, readable by its owner if that is we, and if the run is over."""
    mode = os.lstat(path).st_mode
    if over and mode & need != need and not stat.S_ISLNK(mode):
        with contextlib.suppress(PermissionError):  # somebody else's: the open that follows says so
            os.chmod(path, stat.S_IMODE(mode) | need)
    return path


def text(name: bytes) -> str:
    """JSON has no bytes: those that are no UTF-8 travel as lone surrogates (PEP 383)."""
    return name.decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def opened(path: bytes) -> Iterator[tuple[IO[bytes], os.stat_result]]:
    """A regular file, also if a fifo or a link has taken its name since it was listed."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb", buffering=0) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError("no file any more")
        yield file, found


def hashes(root: bytes, names: list[bytes]) -> Iterator[bytes]:
    for name in names:
        digest = hashlib.sha256()
        try:
            with opened(os.path.join(root, name)) as (file, _):
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
            yield digest.hexdigest().encode() + b"\n"
        except OSError:
            yield b"-\n"


def with_pulse(out: IO[bytes], lines: Iterator[bytes]) -> Iterator[bytes]:
    """*lines*; an empty one every PULSE_S while the next is worked out."""
    done = threading.Event()
    lock = threading.Lock()

    def beat() -> None:
        while not done.wait(PULSE_S):
            with lock, contextlib.suppress(OSError):
                out.write(b"\n")
                out.flush()

    threading.Thread(target=beat, daemon=True).start()
    try:
        for line in lines:
            with lock:
                yield line
    finally:
        done.set()


def send(root: bytes, names: list[bytes], out: IO[bytes]) -> None:
    """Those of *names* that can be read. A tar has its sizes in front: what grows is cut, what shrinks is named."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for number, name in enumerate(names):
            with contextlib.suppress(OSError), opened(os.path.join(root, name)) as (file, found):
                member = tarfile.TarInfo(str(number))
                member.size = found.st_size
                content = Padded(file, found.st_size)
                tar.addfile(member, content)
                if content.torn:
                    tar.addfile(tarfile.TarInfo(f"{number}{TORN}"))


class Padded(io.RawIOBase):
    """Exactly *size* bytes of *file*; zeros for those that are not there, and `torn` says so."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.torn = False
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        want = self._left if size < 0 else min(size, self._left)
        self._left -= want
        chunk = bytearray()
        with contextlib.suppress(OSError):  # a bad disk: the rest is as good as gone
            while len(chunk) < want and (more := self._file.read(want - len(chunk))):
                chunk += more
        self.torn = self.torn or len(chunk) < want
        return bytes(chunk.ljust(want, b"\0"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
