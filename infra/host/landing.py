"""Where what a host sends is put down: below one folder here, each file whole or not at all, nobody's own work lost.

What we put down ourselves may be replaced by what the host has now. Where something else has the name (the user's
own work, another file on a disk that takes "A" for "a") or no file can have it here, the host's goes beside it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import IO

from infra.errors import UserError
from infra.host import manifest
from infra.host.foreign import make_printable
from infra.host.listing import File, Link
from infra.host.pulled import Pulled

BESIDE = "from-host"  # below the run's folder
_OWN = ".pulling"  # beside the run folders; nothing stays there of a run that is whole
_PATIENCE_S = 30.0  # another pull may be asleep while it holds a lock, and a machine that waits costs money
_CHUNK = 1 << 20


class Landing:
    """*notes*: what came home otherwise than it was there. *left*: what did not come, and why. *changed*: those of it
    that were no longer what the host had said."""

    def __init__(self, home: Path) -> None:
        if home.is_symlink():
            raise UserError(f"{home} is a link, and results are put only into a folder.", "move it away")
        self.home = home
        self.notes: dict[str, str] = {}
        self.left: dict[str, str] = {}
        self.changed: set[str] = set()
        self._own = home.parent / _OWN / home.name
        self._sums: dict[bytes, bytes] = {}
        self._put_as: dict[int, str] = {}

    def __enter__(self) -> Landing:
        self.home.mkdir(parents=True, exist_ok=True)
        self._own_open = _share(self._own)
        self._pulled = Pulled(self._own / "pulled.jsonl")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._own_open)

    @contextmanager
    def arriving(self) -> Iterator[Path]:
        """A folder for what is on its way: what a killed pull left there, or one alone if another pull has that."""
        folder = self._own / "arriving"
        folder.mkdir(exist_ok=True)
        with _held(folder) as ours:
            if ours:
                yield folder
                return
        alone = Path(mkdtemp(dir=self._own, prefix="arriving-"))
        try:
            yield alone
        finally:
            shutil.rmtree(alone, ignore_errors=True)

    def is_whole(self) -> bool:
        return (self.home / manifest.NAME).is_file()

    def start_over(self) -> set[str]:
        """Forget what is left to try it once more; what had changed of it."""
        changed = set(self.changed)
        self.left.clear()
        self.changed.clear()
        return changed

    def lacks(self, file: File) -> bool:
        """Whether *file* is not here as the host has it; by its sum, or while nobody has summed it up, its version."""
        if not file.sha256:
            return not self._pulled.holds(file, self.home)
        beside = self._beside(file.path)
        if file.sha256 not in (self._sum(self.home / file.path), self._sum(beside)):
            return True
        if self._sum(self.home / file.path) != file.sha256:
            self.notes.setdefault(file.path, f"is in {BESIDE}/{beside.name}, for its own name is taken here")
        return False

    def note_places(self, files: Iterable[File]) -> None:
        """Note which of *files*, all of them summed up, lie under another name, from whichever pull."""
        if (self.home / BESIDE).is_dir():
            for file in files:
                self.lacks(file)

    def put(self, file: File, arrived: Path) -> None:
        """Put *arrived* down as *file*, if it is what the host said."""
        try:
            with arrived.open("rb") as content:
                what = sha256(content)
            if file.sha256 not in ("", what):
                self.miss(file, "it changed while it was copied")
                return
            _dress(file, arrived)
            what = file.sha256 or what  # the same letters, kept once
            with self._one_at_a_time():
                self._put(file, arrived, what)
            self.left.pop(file.path, None)
        except OSError as error:
            self.left[file.path] = _reason(error)

    def miss(self, file: File, why: str) -> None:
        self.left[file.path] = why
        self.changed.add(file.path)

    def _put(self, file: File, arrived: Path, what: str) -> None:
        if not file.sha256 and self.is_whole():
            return  # another pull has brought the run home whole since we asked: what we have is older
        try:
            self._replace(file, arrived, self._free_place(self.home / file.path, file.path, what), what)
        except OSError as error:
            beside = self._beside(file.path)
            self._replace(file, arrived, beside, what)
            self.notes[file.path] = f"is in {BESIDE}/{beside.name}: {_reason(error)}"

    def _replace(self, file: File, arrived: Path, place: Path, what: str) -> None:
        self._make_folders(place.parent)
        self._pulled.add_file(file, arrived, what, place=str(place.relative_to(self.home)))
        arrived.replace(place)
        found = place.stat()
        self._put_as[_number(found)] = file.path

    def _beside(self, path: str) -> Path:
        """A name that every disk can hold, and no two paths share."""
        mark = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        tail = re.sub(r"[^A-Za-z0-9._-]", "_", path.rsplit("/", 1)[-1])[-60:]
        return self.home / BESIDE / f"{mark}-{tail}"

    def _free_place(self, place: Path, path: str, what: str) -> Path:
        """*place*, if nothing is there but what we put there for this very path. Raises OSError."""
        self._make_folders(place.parent)
        if place.is_dir() and not place.is_symlink():
            place.rmdir()  # an empty one: the host has made a file of it since
        elif os.path.lexists(place) and not self._may_be_replaced(place, path, what):
            raise FileExistsError(errno.EEXIST, "what has its name here is another file, or was changed here")
        return place

    def _may_be_replaced(self, place: Path, path: str, what: str) -> bool:
        return not self._shows_another(place, path) and (self._what(place) == what or self._is_ours(place))

    def _shows_another(self, place: Path, path: str) -> bool:
        """Whether *place* is a file that we put down for another path: a disk that takes "A" for "a" shows it here too.

        What has the number of one of ours may be new: another pull has replaced ours, and the number was free again.
        """
        number = _number(place.lstat())
        known = self._put_as.get(number, path)
        with contextlib.suppress(FileNotFoundError):
            return known != path and _number((self.home / known).lstat()) == number
        return False

    def _is_ours(self, place: Path) -> bool:
        return self._pulled.is_ours(place.relative_to(self.home).as_posix(), self._what(place))

    def _what(self, place: Path) -> str:
        return os.readlink(place) if place.is_symlink() else self._sum(place)

    def _sum(self, place: Path) -> str:
        """The SHA-256 of a regular file here, "-" for anything else; worked out once."""
        try:
            with open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
                found = os.fstat(file.fileno())
                times = (found.st_mtime_ns, found.st_ctime_ns)
                key = struct.pack("QQQqq", found.st_dev, found.st_ino, found.st_size, *times)
                if key not in self._sums:
                    self._sums[key] = bytes.fromhex(sha256(file))
                return self._sums[key].hex()
        except OSError:  # absent, a folder, a link
            return "-"

    def make_folder(self, path: str) -> None:
        try:
            self._make_folders(self.home / path)
        except OSError as error:
            self.notes[path] = f"could not be made here: {_reason(error)}"

    def _make_folders(self, folder: Path) -> None:
        """Real folders all the way down from home: through a link one would write elsewhere."""
        below = [one for one in folder.parents if one.is_relative_to(self.home) and one != self.home]
        for one in [*reversed(below), *([folder] if folder != self.home else [])]:
            if one == self.home / manifest.NAME:
                raise NotADirectoryError(errno.ENOTDIR, "the manifest has this name here")
            if one.is_symlink() or (one.exists() and not one.is_dir()):
                if not self._is_ours(one):
                    raise NotADirectoryError(errno.ENOTDIR, "what has its folder's name here is none")
                one.unlink()  # the host has made a folder of it since
            one.mkdir(exist_ok=True)

    def make_link(self, link: Link) -> None:
        """Only one that stays inside: elsewhere its target means something else here than there."""
        place = self.home / link.path
        self.notes[link.path] = f"is a link to {make_printable(link.target)} there, and that is no part of the run"
        try:
            self._make_folders(place.parent)
            leads_to = Path(os.path.realpath(place.parent / link.target))
            if os.path.isabs(link.target) or not leads_to.is_relative_to(self.home.resolve()):
                return
            with self._one_at_a_time():
                self._link(link, self._free_place(place, link.path, link.target))
            del self.notes[link.path]
        except (OSError, ValueError) as error:  # ValueError: a zero byte
            self.notes[link.path] = f"is a link to {make_printable(link.target)} there: {_reason(error)}"

    def _link(self, link: Link, place: Path) -> None:
        if place.is_symlink() and os.readlink(place) == link.target:
            return
        self._pulled.add_link(link)
        aside = Path(mkdtemp(dir=self._own, prefix="link-"))
        (aside / "link").symlink_to(link.target)
        (aside / "link").replace(place)
        aside.rmdir()

    def retire_manifest(self, files: Iterable[File] = ()) -> None:
        """A folder with a manifest is whole, and this one will not be for a while, unless it names these very *files*.
        What it names is not the user's: it was put down by us, or by a run on this computer."""
        place = self.home / manifest.NAME
        if place.is_file() and place.read_bytes() != _manifest_of(files):
            self._pulled.add_sums(manifest.read(place.read_bytes()))
            place.unlink()

    def seal(self, files: Iterable[File]) -> None:
        """The run is whole here: its manifest is all that need be remembered."""
        place, said = self.home / manifest.NAME, _manifest_of(files)
        if not place.is_file() or place.read_bytes() != said:
            aside = Path(mkdtemp(dir=self._own, prefix="seal-"))
            (aside / manifest.NAME).write_bytes(said)
            if place.is_dir():
                place.rmdir()
            (aside / manifest.NAME).replace(place)
        self.forget()

    def remember(self) -> None:
        """All files here, as if we had put them down."""
        paths = (Path(folder) / name for folder, _, names in os.walk(self.home) for name in names)
        self._pulled.add_sums({path.relative_to(self.home).as_posix(): self._sum(path) for path in paths})

    def forget(self) -> None:
        """Nothing is kept but for another pull that is under way: the last one out clears up."""
        if _is_locked(self._own_open):
            shutil.rmtree(self._own, ignore_errors=True)
            with contextlib.suppress(OSError):  # of other runs
                self._own.parent.rmdir()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        until = time.monotonic() + _PATIENCE_S
        while True:
            with _held(self.home) as ours:
                if ours or time.monotonic() > until:
                    yield
                    return
            time.sleep(0.02)


def _share(folder: Path) -> int:
    """*folder*, made if need be, and open; who has it so may count on it to stay."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # removed in this moment, by one who thought he was the last
            opened = os.open(folder, os.O_RDONLY)
            fcntl.flock(opened, fcntl.LOCK_SH)
            if os.path.samestat(os.fstat(opened), os.stat(folder)):
                return opened
            os.close(opened)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether *folder* is locked for us meanwhile. The lock goes with the process, however it ends."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        yield _is_locked(opened)
    finally:
        os.close(opened)


def _is_locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _number(found: os.stat_result) -> int:
    """One for each file of this computer."""
    return found.st_dev << 64 | found.st_ino


def _manifest_of(files: Iterable[File]) -> bytes:
    return manifest.write({file.path: file.sha256 for file in files})


def _dress(file: File, arrived: Path) -> None:
    mode = arrived.stat().st_mode
    arrived.chmod(mode | (mode & 0o444) >> 2 if file.executable else mode & ~0o111)
    with contextlib.suppress(OSError, OverflowError):  # an age this disk cannot tell
        os.utime(arrived, ns=(file.mtime_ns, file.mtime_ns))


def _reason(error: Exception) -> str:
    return make_printable((error.strerror if isinstance(error, OSError) else "") or str(error))


def sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
