"""Where what a host sends is put down: below one folder here, each file whole or not at all, nobody's own work lost.

What we put down ourselves may be replaced by what the host has now. Where something else has the name (the user's
own work, another file on a disk that takes "A" for "a") or no file can have it here, the host's goes beside it.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from tempfile import mkdtemp
from typing import IO

from infra.errors import UserError
from infra.host import manifest
from infra.host.folder_lock import hold, share, try_lock
from infra.host.foreign import make_printable
from infra.host.ledger import Ledger, Table
from infra.host.listing import File
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
        self._own = home.parent / _OWN / home.name

    def __enter__(self) -> Landing:
        self.home.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            self._own_open = share(self._own)
            opened.callback(os.close, self._own_open)
            self.ledger = opened.enter_context(contextlib.closing(Ledger(self._own)))
            self._opened = opened.pop_all()
        self.notes, self.left, self.changed = (self.ledger.table() for _ in range(3))
        self._sums, self._put_as = self.ledger.table(), self.ledger.packed_table()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @cached_property
    def _pulled(self) -> Pulled:
        return Pulled(self._own / "pulled.jsonl", self.ledger)

    @contextmanager
    def arriving(self) -> Iterator[Path]:
        """A folder for what is on its way: what a killed pull left there, or one alone if another pull has that."""
        folder = self._own / "arriving"
        folder.mkdir(exist_ok=True)
        with hold(folder) as ours:
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

    def start_over(self) -> Table[str]:
        """Forget what is left to try it once more; what had changed of it."""
        changed, self.changed = self.changed, self.ledger.table()
        self.left.clear()
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
        self.left[file.path] = self.changed[file.path] = why

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
        self._put_as[_number(found)] = os.fsencode(file.path)

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
        known = os.fsdecode(self._put_as.get(number, os.fsencode(path)))
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
                key = _key(found.st_dev, found.st_ino, found.st_size, *times)
                if (known := self._sums.get(key)) is None:
                    known = self._sums[key] = sha256(file)
                return known
        except OSError:  # absent, a folder, a link
            return "-"

    def make_folder(self, path: str) -> None:
        try:
            self._make_folders(self.home / path)
        except OSError as error:
            self.notes[path] = f"could not be made here: {_reason(error)}"

    def _make_folders(self, folder: Path) -> None:
        """Real folders all the way down from home: through a link one would write elsewhere."""
        at = home = str(self.home)  # plain text: this is done for each file
        for part in filter(None, str(folder)[len(home) :].split("/")):
            at = f"{at}/{part}"
            if at == f"{home}/{manifest.NAME}":
                raise NotADirectoryError(errno.ENOTDIR, "the manifest has this name here")
            mode = _mode(at)
            if mode and not stat.S_ISDIR(mode):
                if not self._is_ours(Path(at)):
                    raise NotADirectoryError(errno.ENOTDIR, "what has its folder's name here is none")
                os.unlink(at)  # the host has made a folder of it since
            if not stat.S_ISDIR(mode):
                with contextlib.suppress(FileExistsError):  # another pull has
                    os.mkdir(at)

    def make_link(self, path: str, target: str) -> None:
        """Only one that stays inside: elsewhere its target means something else here than there."""
        place = self.home / path
        try:
            self._make_folders(place.parent)
            leads_to = Path(os.path.realpath(place.parent / target))
            if os.path.isabs(target) or not leads_to.is_relative_to(self.home.resolve()):
                self.notes[path] = f"is a link to {make_printable(target)} there, and that is no part of the run"
                return
            with self._one_at_a_time():
                self._link(path, target, self._free_place(place, path, target))
            self.notes.pop(path, None)
        except (OSError, ValueError) as error:  # ValueError: a zero byte
            self.notes[path] = f"is a link to {make_printable(target)} there: {_reason(error)}"

    def _link(self, path: str, target: str, place: Path) -> None:
        if place.is_symlink() and os.readlink(place) == target:
            return
        self._pulled.add_link(path, target)
        aside = Path(mkdtemp(dir=self._own, prefix="link-"))
        (aside / "link").symlink_to(target)
        (aside / "link").replace(place)
        aside.rmdir()

    def retire_manifest(self, files: Iterable[File] = ()) -> None:
        """A folder with a manifest is whole, and this one will not be for a while, unless it names these very *files*.
        What it names is not the user's: it was put down by us, or by a run on this computer."""
        place = self.home / manifest.NAME
        if not place.is_file():
            return
        with place.open("rb") as lines:
            if all(ours == line for ours, line in zip_longest(_manifest_of(files), lines)):
                return
            lines.seek(0)
            self._pulled.add_sums(manifest.read(lines))
        place.unlink()

    def write_manifest(self, files: Iterable[File]) -> Path:
        """The manifest of *files*, beside the run, which is not whole by it yet."""
        aside = Path(mkdtemp(dir=self._own, prefix="seal-")) / manifest.NAME
        with aside.open("wb") as lines:
            lines.writelines(_manifest_of(files))
        return aside

    def seal(self, written: Path) -> None:
        """The run is whole here: its manifest, *written* before, is all that need be remembered."""
        place = self.home / manifest.NAME
        if place.is_dir():
            place.rmdir()
        try:
            if not (place.is_file() and filecmp.cmp(written, place, shallow=False)):
                written.replace(place)
        except FileNotFoundError:
            if not place.is_file():  # or else another pull has sealed the run, and cleared up
                raise
        self.forget()

    def remember(self) -> None:
        """All files here, as if we had put them down."""
        paths = (Path(folder) / name for folder, _, names in os.walk(self.home) for name in names)
        self._pulled.add_sums((path.relative_to(self.home).as_posix(), self._sum(path)) for path in paths)

    def forget(self) -> None:
        """Nothing is kept but for another pull that is under way: the last one out clears up."""
        if try_lock(self._own_open):
            shutil.rmtree(self._own, ignore_errors=True)
            with contextlib.suppress(OSError):  # of other runs
                self._own.parent.rmdir()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        until = time.monotonic() + _PATIENCE_S
        while True:
            with hold(self.home) as ours:
                if ours or time.monotonic() > until:
                    yield
                    return
            time.sleep(0.02)


def _mode(path: str) -> int:
    """0 for what is not there."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def _number(found: os.stat_result) -> str:
    """One for each file of this computer."""
    return _key(found.st_dev, found.st_ino)


def _key(*numbers: int) -> str:
    return " ".join(map(str, numbers))


def _manifest_of(files: Iterable[File]) -> Iterator[bytes]:
    return (manifest.line_of(file.path, file.sha256) for file in files)


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
