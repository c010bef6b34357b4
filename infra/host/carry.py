"""Two ways for the files of a run: rsync, which goes on where it was cut, and a tar stream, which needs Python alone.

Both are told which files, and hand each one that arrived to the landing; what it is to be called is not theirs to say.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import tarfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from infra.host import command_lines
from infra.host.connection import Host, explain_drop
from infra.host.copy_failure import CONNECTION_LOST, explain_failure
from infra.host.foreign import make_printable
from infra.host.landing import Landing
from infra.host.listing import File, names
from infra.host.local_programs import local_process
from infra.host.programs import listening, program

_CHUNK = 1 << 20
_TORN = "torn"  # infra/remote/sender.py: the file before this member shrank while it was sent


@cache
def rsync_here() -> bool:
    """Whether this computer's rsync is the real one: macOS ships one that lacks what is needed."""
    if not shutil.which("rsync"):
        return False
    version = subprocess.run(["rsync", "--version"], capture_output=True, text=True).stdout
    found = re.match(r"rsync\s+version\s+v?(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= (3, 1)


def by_rsync(host: Host, source: str, files: Sequence[File], landing: Landing, arriving: Path) -> None:
    files = _none_alike(files)
    tree = arriving / "rsync"
    tree.mkdir(exist_ok=True)
    home = landing.home.resolve()
    known = home if any(home.iterdir()) else None  # a look for each file at what is not there takes as long as the copy
    process = local_process(
        command_lines.rsync_pull(host.target, source, tree, known),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    # "./": without it a name that begins with # would be a comment.
    _, said = process.communicate(names(f"./{file.path}" for file in files))
    if process.returncode in CONNECTION_LOST:
        raise explain_failure(host, process.returncode, said.decode(errors="replace").strip())
    # Whatever else it complains of, it left out: the other way tries that, and says why it cannot.
    landing.put_all(_list_arrived(files, os.path.realpath(tree)))


def _list_arrived(files: Iterable[File], tree: str) -> Iterator[tuple[File, str]]:
    """Those that are regular files now, reached through no link, and where each lies."""
    real = dict[str, bool]()
    for file in files:
        place = f"{tree}/{file.path}"
        folder = os.path.dirname(place)
        if folder not in real:
            real[folder] = os.path.realpath(folder) == folder
        with contextlib.suppress(OSError):  # it did not come
            if real[folder] and stat.S_ISREG(os.lstat(place).st_mode):
                yield file, place


def _none_alike(files: Sequence[File]) -> list[File]:
    """Of those that a laptop's disk may take for one ("Model.params" and "model.params", "é" in its two spellings) the
    first: rsync would lay the next over it. The stream brings the others."""
    first: dict[str, File] = {}
    for file in files:
        first.setdefault(unicodedata.normalize("NFC", file.path).casefold(), file)
    return [*first.values()]


def by_stream(host: Host, source: str, files: Sequence[File], landing: Landing, arriving: Path) -> None:
    asked = names(file.path for file in files)
    cut = ""
    with listening(host, program("sender.py", "send", source), given=asked) as (_, out):
        try:
            with tarfile.open(fileobj=out, mode="r|") as tar:
                _unpack(tar, files, landing, arriving)
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
            cut = f"the stream was cut: {make_printable(str(error))}"
            out.read()  # to its end: the exit code says more, if it is one
    if cut:
        raise explain_drop(host.target, cut)


def _unpack(tar: tarfile.TarFile, files: Sequence[File], landing: Landing, arriving: Path) -> None:
    """A file is put down when the next one begins: only then is it known not to have shrunk under the sender."""
    by_number = {str(number): file for number, file in enumerate(files)}
    waiting: File | None = None
    aside = arriving / f"stream-{os.getpid()}"
    for member in tar:
        if waiting and member.name.endswith(_TORN):
            landing.miss(waiting, "it shrank while it was copied")
        elif waiting:
            landing.put(waiting, str(aside))
        waiting = by_number.get(member.name) if member.isreg() else None
        if waiting and not _is_saved(tar.extractfile(member), aside, waiting, landing):
            waiting = None
    if waiting:
        landing.put(waiting, str(aside))
    aside.unlink(missing_ok=True)


def _is_saved(content: IO[bytes] | None, aside: Path, file: File, landing: Landing) -> bool:
    """A disk that is full for this file may have room for the next."""
    assert content is not None
    try:
        with aside.open("wb") as here:
            while chunk := content.read(_CHUNK):
                if chunk.count(0) == len(chunk):
                    here.seek(len(chunk), os.SEEK_CUR)  # a hole: a sparse file of a terabyte stays a small one
                else:
                    here.write(chunk)
            here.truncate()
    except OSError as error:
        landing.left[file.path] = f"this computer could not take it: {error.strerror}"
        aside.unlink(missing_ok=True)
        return False
    return True
