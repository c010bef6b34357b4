"""SIGKILL at every write and every command of a pull: what is home is whole, and the next pull finishes it.

Each death is a real one, of a process of its own; Python's audit hooks tell of everything it does to a disk and of
every program that it starts. https://docs.python.org/3/library/audit_events.html
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.host.connection import Host
from infra.host.sync import pull, pull_ended, seal
from infra.host.target import Target
from infra.remote import recorder
from tests.host.nearby import nearby_host, needs_rsync
from tests.sizes import ALL, tried

PROJECT = Path(__file__).resolve().parents[2]
CHANGES = {
    "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate", "os.utime",
    "subprocess.Popen", "fcntl.flock",
}  # fmt: skip

pytestmark = needs_rsync


def die_at(number: int) -> None:
    """From now on, end this process at its *number*-th change of anything."""
    seen = 0

    def look(event: str, words: tuple[object, ...]) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(words[2], int) and words[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if event in CHANGES or writes:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


def bring(there: str, home: str, way: str, number: int) -> None:
    """What the dying process runs: a pull in the middle of the run, or of all of it at its end."""
    folder = Path(home)
    target = Target(
        identity="i-0near", address="near", port=22, user="me", key=folder / "key", known_hosts=folder / "known"
    )
    rsync, ended = way.startswith("rsync"), way.endswith("ended")
    die_at(number)
    with Host(target) as host:
        if not ended:
            pull(host, there, folder, rsync_there=rsync)
            return
        arrival = pull_ended(host, there, folder, rsync_there=rsync)
        assert not arrival.left
        seal(folder, arrival)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "MANIFEST.sha256"
    }


def type_pull(there: Path, home: Path, way: str, number: int) -> int:
    call = f"from {__name__} import bring; bring({str(there)!r}, {str(home)!r}, {way!r}, {number})"
    done = subprocess.run([sys.executable, "-c", call], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.parametrize("way", ["rsync", "tar", "rsync ended", "tar ended"])
def test_a_pull_killed_at_any_write_or_command_leaves_no_half_file_and_is_finished_by_the_next(
    tmp_path: Path, way: str
) -> None:
    there = tmp_path / "there"
    (there / "checkpoints").mkdir(parents=True)
    (there / "train.log").write_text("line\n" * 1000)
    (there / "checkpoints" / "step").write_bytes(os.urandom(300_000))
    (there / "link").symlink_to("train.log")
    if way.endswith("ended"):
        recorder.seal(there)
    with nearby_host(tmp_path):
        points = range(1, 1000) if ALL else [random.Random(2026).randrange(1, 30)]
        for number in points:
            home = tmp_path / f"runs-{number}" / "r1"
            killed = type_pull(there, home, way, number)
            here = files(home)
            assert here.items() <= files(there).items(), "a file is there whole, or not at all"
            assert not (home / "MANIFEST.sha256").exists() or here == files(there), "a manifest says that all is here"

            assert type_pull(there, home, way, 0) == 0
            assert files(home) == files(there)
            assert (home / "MANIFEST.sha256").exists() == way.endswith("ended")
            tried()
            if not killed:
                return
    assert not ALL, "the pull never came to its end"
