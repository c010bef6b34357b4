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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from itertools import zip_longest
from pathlib import Path
from tempfile import mkdtemp

from infra.errors import UserError
from infra.host import manifest
from infra.host.arrived import Arrived, take_in_all
from infra.host.folder_lock import hold, share, try_lock
from infra.host.foreign import make_printable
from infra.host.ledger import Ledger, Table, in_batches
from infra.host.listing import File
from infra.host.pulled import Pulled
from infra.host.sums import Sums

BESIDE = "from-host"  # below the run's folder
_OWN = ".pulling"  # beside the run folders; nothing stays there of a run that is whole
_PATIENCE_S = 30.0  # another pull may be asleep while it holds a lock, and a machine that waits costs money
_PUT_AT_ONCE = 200  # other pulls wait meanwhile


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
        self._sums = Sums(self.ledger)
        self._real_folders: set[str] = set()  # while nobody else puts anything down
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
        return os.path.isfile(f"{self.home}/{manifest.NAME}")

    def start_over(self) -> Table[str]:
        """Forget what is left to try it once more; what had changed of it."""
        changed, self.changed = self.changed, self.ledger.table()
        self.left.clear()
        return changed

    def lacks(self, file: File) -> bool:
        """Whether *file* is not here as the host has it; by its sum, or while nobody has summed it up, its version."""
        if not file.sha256:
            return not self._pulled.holds(file, self.home)
        if self._sums.of(f"{self.home}/{file.path}") == file.sha256:
            return False
        if not os.path.isdir(f"{self.home}/{BESIDE}"):
            return True
        beside = self._beside(file.path)
        if self._sums.of(beside) != file.sha256:
            return True
        self.notes.setdefault(file.path, f"is in {BESIDE}/{os.path.basename(beside)}, for its own name is taken here")
        return False

    def note_places(self, files: Iterable[File]) -> None:
        """Note which of *files*, all of them summed up, lie under another name, from whichever pull."""
        if (self.home / BESIDE).is_dir():
            for file in files:
                self.lacks(file)

    def put(self, file: File, arrived: str) -> None:
        """Put *arrived* down as *file*, if it is what the host said."""
        self.put_all([(file, arrived)])

    def put_all(self, arrived: Iterable[tuple[File, str]]) -> None:
        """As `put`, and quicker. No two may have names that a disk takes for one."""
        for some in in_batches(arrived, _PUT_AT_ONCE):
            taken_in = zip(some, take_in_all(some), strict=True)
            verified = [one for (file, _), arrived in taken_in if (one := self._verify(file, arrived))]
            with self._one_at_a_time():
                self._put_some(verified)

    def _verify(self, file: File, arrived: Arrived | OSError) -> Arrived | None:
        """What has come, if it is what the host said."""
        if isinstance(arrived, OSError):
            self.left[file.path] = _reason(arrived)
        elif file.sha256 in ("", arrived.what):
            return arrived
        else:
            self.miss(file, "it changed while it was copied")
        return None

    def miss(self, file: File, why: str) -> None:
        self.left[file.path] = self.changed[file.path] = why

    def _put_some(self, arrived: Sequence[Arrived]) -> None:
        self._real_folders.clear()
        for one, error in self._land(arrived, self._own_place):
            beside = self._beside(one.file.path)
            if troubles := self._land([one], partial(self._place_for, beside)):
                self.left[one.file.path] = _reason(troubles[0][1])
            else:
                self.notes[one.file.path] = f"is in {BESIDE}/{os.path.basename(beside)}: {_reason(error)}"

    def _land(
        self, arrived: Iterable[Arrived], place_of: Callable[[Arrived], str | None]
    ) -> list[tuple[Arrived, OSError]]:
        """Put each of *arrived* down where *place_of* says, if anywhere; those with which that failed, and why."""
        placed, failed = list[tuple[Arrived, str]](), list[tuple[Arrived, OSError]]()
        for one in arrived:
            try:
                if place := place_of(one):
                    placed.append((one, place))
            except OSError as error:
                failed.append((one, error))
        try:
            self._pulled.add_files((one, self._below_home(place)) for one, place in placed)
        except OSError as error:
            return [*failed, *((one, error) for one, _ in placed)]
        return [*failed, *self._move(placed)]

    def _move(self, placed: Iterable[tuple[Arrived, str]]) -> Iterator[tuple[Arrived, OSError]]:
        landed: list[tuple[Arrived, os.stat_result]] = []
        for one, place in placed:
            try:
                os.replace(one.path, place)
                landed.append((one, os.stat(place)))
            except OSError as error:
                yield one, error
        self._sums.note(landed)
        if self.left:
            for one, _ in landed:
                self.left.pop(one.file.path, None)

    def _below_home(self, place: str) -> str:
        return place[len(str(self.home)) + 1 :]

    def _beside(self, path: str) -> str:
        """A name that every disk can hold, and no two paths share."""
        mark = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        tail = re.sub(r"[^A-Za-z0-9._-]", "_", path.rsplit("/", 1)[-1])[-60:]
        return f"{self.home}/{BESIDE}/{mark}-{tail}"

    def _own_place(self, one: Arrived) -> str | None:
        """None for what is older than what is here: another pull has brought the run home whole since we asked."""
        if not one.file.sha256 and self.is_whole():
            return None
        return self._free_place(one.file.path, one.what)

    def _place_for(self, place: str, _: Arrived) -> str:
        self._make_folders(os.path.dirname(place))
        return place

    def _free_place(self, path: str, what: str) -> str:
        """Where *path* belongs, if nothing is there but what we put there for this very path. Raises OSError."""
        place = f"{self.home}/{path}"
        self._make_folders(os.path.dirname(place))
        mode = _mode(place)
        if stat.S_ISDIR(mode):
            os.rmdir(place)  # an empty one: the host has made a file of it since
        elif mode and not self._may_be_replaced(Path(place), path, what):
            raise FileExistsError(errno.EEXIST, "what has its name here is another file, or was changed here")
        return place

    def _may_be_replaced(self, place: Path, path: str, what: str) -> bool:
        return not self._sums.shows_another(str(self.home), path) and (
            self._what(place) == what or self._is_ours(place)
        )

    def _is_ours(self, place: Path) -> bool:
        return self._pulled.is_ours(place.relative_to(self.home).as_posix(), self._what(place))

    def _what(self, place: Path) -> str:
        return os.readlink(place) if place.is_symlink() else self._sums.of(str(place))

    def make_folder(self, path: str) -> None:
        try:
            self._make_folders(f"{self.home}/{path}")
        except OSError as error:
            self.notes[path] = f"could not be made here: {_reason(error)}"

    def _make_folders(self, folder: str) -> None:
        """Real folders all the way down from home: through a link one would write elsewhere."""
        if folder in self._real_folders:
            return
        at = home = str(self.home)
        for part in filter(None, folder[len(home) :].split("/")):
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
        self._real_folders.add(folder)

    def make_link(self, path: str, target: str) -> None:
        """Only one that stays inside: elsewhere its target means something else here than there."""
        place = self.home / path
        self._real_folders.clear()
        try:
            self._make_folders(str(place.parent))
            leads_to = Path(os.path.realpath(place.parent / target))
            if os.path.isabs(target) or not leads_to.is_relative_to(self.home.resolve()):
                self.notes[path] = f"is a link to {make_printable(target)} there, and that is no part of the run"
                return
            with self._one_at_a_time():
                self._link(path, target, Path(self._free_place(path, target)))
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
        self._pulled.add_sums((path.relative_to(self.home).as_posix(), self._sums.of(str(path))) for path in paths)

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


def _manifest_of(files: Iterable[File]) -> Iterator[bytes]:
    return (manifest.line_of(file.path, file.sha256) for file in files)


def _reason(error: Exception) -> str:
    return make_printable((error.strerror if isinstance(error, OSError) else "") or str(error))
