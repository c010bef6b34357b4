"""A run's own copy of the code, in which it may write; and what it wrote there, among its results.

    python3 workspace.py CODE RUN_DIR

makes the copy, RUN_DIR/.code, where the run then works. What is new or changed in it appears in RUN_DIR/written while
the run goes on, as hard links: the same files under a second name, so it costs no disk and is never older than the
file. Everything below RUN_DIR comes home but the copy itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

COPY, BEFORE, WRITTEN, OUT = ".code", ".code.json", "written", "out"
OURS = (COPY, BEFORE)  # what is no result
_CACHES = {"__pycache__", ".ipynb_checkpoints"}
_FICLONE = 0x40049409  # linux/fs.h: share the blocks until one of the two is written; XFS and btrfs can
_PAUSE_S = 2.0
_FOLDER: list[object] = ["folder"]


def main(words: list[str]) -> int:
    if len(words) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        prepare(Path(words[0]), Path(words[1]))
    except OSError as error:
        print(f"The code could not be copied: {error}", file=sys.stderr)
        return 1
    return 0


def prepare(code: Path, run_dir: Path) -> None:
    """Make the copy anew. What an earlier part of a resumed run wrote in its copy is there again."""
    if left := gather(run_dir):
        raise OSError(f"what the run wrote before would be lost: {'; '.join(left)}")
    (run_dir / BEFORE).unlink(missing_ok=True)
    copy, written = run_dir / COPY, run_dir / WRITTEN
    if copy.exists():
        shutil.rmtree(copy)
    (run_dir / OUT).mkdir(parents=True, exist_ok=True)
    shutil.copytree(code, copy, symlinks=True, copy_function=_copy_file)
    if not os.path.lexists(copy / OUT):
        (copy / OUT).symlink_to(run_dir / OUT)  # ./out is a place for results, whether the code knows of it or not
    before = {path: _mark(copy / path) for path in _things(copy)}
    for path in _things(written):
        _give_second_name(written / path, copy / path)
    # Last: without it nothing is gathered, and a copy that is not whole yet must not be taken for what the run wants.
    write_whole(run_dir / BEFORE, json.dumps(before).encode())


def is_given(run_dir: Path) -> bool:
    """Whether the run works in a copy: on an instance, and not on a laptop."""
    return (run_dir / BEFORE).exists()


def gather(run_dir: Path) -> list[str]:
    """Make RUN_DIR/written equal to what is new or changed in the copy; return what could not come, and why."""
    try:
        before = json.loads((run_dir / BEFORE).read_text())
    except (OSError, ValueError):  # no copy, as on a laptop, or not whole yet
        return []
    copy, written, left = run_dir / COPY, run_dir / WRITTEN, []
    for path in _things(written):  # first: what was a file may be a folder now
        with contextlib.suppress(OSError):
            _remove_unless_new(written / path, copy / path, before.get(path))
    for path in _things(copy):
        try:
            if _mark(copy / path) != before.get(path):
                _give_second_name(copy / path, written / path)
        except FileNotFoundError:  # removed or renamed in this moment: the next look sees what became of it
            continue
        except OSError as error:  # a full disk; one file's trouble is no other's
            left.append(str(error))
    return left


def _remove_unless_new(path: Path, original: Path, before: object) -> None:
    """Remove what the run has removed, as those do that keep the last three checkpoints, and what it has put back."""
    try:
        mark = _mark(original)
    except (FileNotFoundError, NotADirectoryError):
        mark = None
    if path.is_symlink() or not path.is_dir():
        if mark in (None, before, _FOLDER):
            path.unlink()
    elif mark != _FOLDER:
        shutil.rmtree(path)
    elif mark == before:  # the code's own; it is here for what is new in it
        path.rmdir()


@contextlib.contextmanager
def gathering(run_dir: Path) -> Iterator[None]:
    """Gather every few seconds, so that a machine that goes down takes little with it."""
    over = threading.Event()
    thread = threading.Thread(target=_gather_until, args=(run_dir, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _gather_until(run_dir: Path, over: threading.Event) -> None:
    pause_s = _PAUSE_S
    while not over.wait(pause_s):
        began = time.monotonic()
        gather(run_dir)
        pause_s = max(_PAUSE_S, 20 * (time.monotonic() - began))  # a large tree must not cost the job its processor


def _things(root: Path) -> Iterator[str]:
    """Files, links and folders below *root*, relative to it: one name at a time, for a folder may hold a million."""
    waiting = [root]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder and entry.name in _CACHES:
                    continue
                if is_folder:
                    waiting.append(Path(entry.path))
                yield entry.path[len(str(root)) + 1 :]


def _mark(path: Path) -> list[object]:
    """What tells a file from itself as it was: nobody can write to it and leave all of this as it is."""
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode):
        return _FOLDER
    if stat.S_ISLNK(found.st_mode):
        return ["link", os.readlink(path)]
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _give_second_name(path: Path, other: Path) -> None:
    if path.is_symlink():
        _copy_link(path, other)
    elif path.is_dir():
        other.mkdir(parents=True, exist_ok=True)
    elif path.is_file() and not (other.exists() and other.samefile(path)):
        other.parent.mkdir(parents=True, exist_ok=True)
        aside = other.with_name(f".gluon-rig-{os.getpid()}")
        aside.unlink(missing_ok=True)
        link_or_copy(path, aside)
        aside.replace(other)


def link_or_copy(path: str | Path, other: str | Path) -> None:
    try:
        os.link(path, other)
    except OSError:  # another disk, or one without hard links
        _copy_file(path, other)


def _copy_link(path: Path, other: Path) -> None:
    target = os.readlink(path)
    if not (other.is_symlink() and os.readlink(other) == target):
        other.parent.mkdir(parents=True, exist_ok=True)
        other.unlink(missing_ok=True)
        other.symlink_to(target)


def _copy_file(source: str | Path, target: str | Path, *, follow_symlinks: bool = True) -> None:
    if not _clone(source, target):
        shutil.copyfile(source, target, follow_symlinks=follow_symlinks)
    shutil.copystat(source, target, follow_symlinks=follow_symlinks)


def _clone(source: str | Path, target: str | Path) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    with open(source, "rb") as old, open(target, "wb") as new:
        try:
            fcntl.ioctl(new, _FICLONE, old.fileno())
        except OSError:
            return False
    return True


def give_way(path: Path) -> None:
    """A folder of the program's own in the place of a file of ours gets another name."""
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}.folder-{os.getpid()}"))


def write_whole(path: Path, content: bytes) -> None:
    """The file is there whole, or not at all."""
    with writing_whole(path) as file:
        file.write(content)


@contextlib.contextmanager
def writing_whole(path: Path) -> Iterator[IO[bytes]]:
    """Write aside, flush to the disk, rename."""
    aside = path.with_name(f".gluon-rig-{path.name}.{os.getpid()}")  # two may write at once
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
