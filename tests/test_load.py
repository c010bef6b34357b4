"""Much of everything: what is read line by line and file by file takes no more memory, and leaves nothing open."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.host import ledger
from infra.host.connection import DROPPED
from infra.host.connection import Host as SshHost
from infra.host.sync import pull_ended, seal
from infra.host.target import Target
from infra.job import run as runs
from infra.remote import recorder
from tests.host.nearby import nearby_host, needs_rsync
from tests.sizes import size, tried

LINES = size(20_000, 10_000_000)
FEW_FILES = 200
SMALLER = size(10, 1)
"""In the sample all that is done some thousands at a time is done some hundreds at a time, so fewer files are many."""
MANY_FILES, VERY_MANY_FILES = 2 * ledger.AT_ONCE // SMALLER, size(20_000, 1_000_000)
CUTS_OF_A_DAY = size(10, 24 * 60)
SLACK_KIB = 8 * 1024

PROJECT = Path(__file__).resolve().parents[1]
PRINT = "import sys\nfor n in range({}): sys.stdout.write('step %d loss 0.123456\\n' % n)"
LOGS = """\
import sys
print({hello!r})
for n in range({first}, {end}):
    moment = (1 + n // 2419200, 1 + n // 86400 % 28, n // 3600 % 24, n // 60 % 60, n % 60)  # a line a second
    sys.stdout.write('2026-%02d-%02dT%02d:%02d:%02d.000000Z line ' % moment + '%d\\n' % n)
print('{{"Running": {running}}}')
"""

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


def memory_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@linux
def test_a_log_of_any_length_is_recorded_in_the_same_memory(tmp_path: Path) -> None:
    line = [sys.executable, recorder.__file__, str(tmp_path), "--", sys.executable, "-c", PRINT.format(LINES)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE)
    assert process.stdout is not None
    at_first = seen = used = 0
    for seen, _ in enumerate(process.stdout, start=1):
        if seen in (LINES // 20, LINES * 19 // 20):
            at_first, used = at_first or memory_kib(process.pid), memory_kib(process.pid)
            assert open_files(process.pid) < 10
    tried(seen)

    assert (process.wait(), seen) == (0, LINES)
    assert used < at_first + SLACK_KIB


class Host:
    """One on which a line is logged each second; each of its streams is cut after a while, the last is not."""

    def __init__(self, lines: int, cuts: int) -> None:
        self.lines, self.each, self.left = lines, lines // (cuts + 1), cuts

    def stream(self, hello: Sequence[str], *_: Sequence[str], **popen: Any) -> subprocess.Popen[bytes]:
        first = self.lines - (self.left + 1) * self.each if self.left else self.lines - self.each
        self.left -= 1
        last = self.left < 0
        code = LOGS.format(hello=hello[1], first=first, end=first + self.each, running="false" if last else "true")
        ending = "" if last else f"\nsys.exit({DROPPED})"
        return subprocess.Popen([sys.executable, "-S", "-c", code + ending], **popen)


def follow(host: Any) -> int:
    heard = 0

    def show(_: str) -> None:
        nonlocal heard
        heard += 1

    runs.follow(lambda: host, ["docker"], "r1", show, tell=lambda _: None, sleep=lambda _: None)
    return heard


@linux
@pytest.mark.parametrize(("lines", "cuts"), [(LINES, 0), (size(6_000, 86_400), CUTS_OF_A_DAY)], ids=["long", "a day"])
def test_a_log_is_followed_in_the_same_memory_however_long_and_however_often_cut(lines: int, cuts: int) -> None:
    follow(Host(1_000, 1))
    memory, files = memory_kib(os.getpid()), open_files(os.getpid())

    heard = follow(Host(lines, cuts))
    tried(heard)

    assert heard == lines // (cuts + 1) * (cuts + 1)
    assert memory_kib(os.getpid()) < memory + SLACK_KIB
    assert open_files(os.getpid()) <= files  # what an earlier test left open may be closed meanwhile


def make_files(there: Path, count: int) -> None:
    for number in range(count):
        file = there / f"{number // 1000}" / f"{number}.txt"
        if number % 1000 == 0:
            file.parent.mkdir(parents=True)
        file.write_text(str(number))


def bring_home(there: str, home: str, rsync: bool) -> None:
    """What a process of its own runs: seal what is there as the recorder does, list it, bring it home."""
    before, nowhere = open_files(os.getpid()), Path("nowhere")
    target = Target(identity="i-0near", address="near", port=22, user="me", key=nowhere, known_hosts=nowhere)
    with SshHost(target) as host:
        arrival = pull_ended(host, there, Path(home), rsync_there=rsync)
        seal(Path(home), arrival)
    assert arrival.left == {}
    assert open_files(os.getpid()) <= before  # what an earlier test left open may be closed meanwhile


def most_memory_kib(*line: str | Path) -> int:
    """The most that a process takes which does *line*, one of Python.

    VmHWM and not ru_maxrss, which a process has from the one that started it.
    """
    code = f"{line[0]}\nprint('most', open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    words = [sys.executable, "-c", code, *map(str, line[1:])]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.rpartition("most ")[2])


def peaks(folder: Path, count: int, *, rsync: bool) -> dict[str, int]:
    """KiB that the recorder, the sender and the laptop take at most, for a run of *count* files."""
    there, home = folder / "there", folder / "runs" / "r1"
    make_files(there, count)
    found = {
        "recorder": most_memory_kib("import sys; from pathlib import Path; from infra.remote import recorder\n"
                                    f"recorder.SORTED_AT_ONCE //= {SMALLER}\n"
                                    "recorder.seal(Path(sys.argv[1]))", there),
        "sender": most_memory_kib("import os, sys; from infra.remote.sender import main\n"
                                  "main(['list-all', sys.argv[1]], sys.stdin.buffer, open(os.devnull, 'wb'))", there),
        "laptop": most_memory_kib(f"from {__name__} import bring_home, ledger; import sys\n"
                                  f"ledger.AT_ONCE //= {SMALLER}\n"
                                  f"bring_home(sys.argv[1], sys.argv[2], {rsync})", there, home),
    }  # fmt: skip
    assert sum(1 for path in home.rglob("*.txt") if path.read_text() == path.stem) == count
    shutil.rmtree(folder)
    return found


@linux
@needs_rsync
@pytest.mark.parametrize("rsync", [True, False], ids=["rsync", "tar"])
def test_a_run_of_very_many_files_comes_home_whole(tmp_path: Path, rsync: bool) -> None:
    """In several questions, as those of a hundred thousand do."""
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    make_files(there, FEW_FILES)
    recorder.seal(there)
    with nearby_host(tmp_path), pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "AT_ONCE", FEW_FILES // 3)
        patch.setattr(ledger, "_ROWS_AT_ONCE", 7)
        bring_home(str(there), str(home), rsync)
    tried(FEW_FILES)

    assert sum(1 for path in home.rglob("*.txt") if path.read_text() == path.stem) == FEW_FILES
    assert (home / "MANIFEST.sha256").read_bytes() == (there / "MANIFEST.sha256").read_bytes()
    assert [path.name for path in home.parent.iterdir()] == ["r1"]


@linux
@pytest.mark.exhaustive
@needs_rsync
@pytest.mark.parametrize("rsync", [True, False], ids=["rsync", "tar"])
def test_a_run_of_very_many_files_takes_the_same_memory_as_one_of_many(
    tmp_path: Path, rsync: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with nearby_host(tmp_path):
        many = peaks(tmp_path / "many", MANY_FILES, rsync=rsync)
        very_many = peaks(tmp_path / "very many", VERY_MANY_FILES, rsync=rsync)
    tried(VERY_MANY_FILES)
    with capsys.disabled():
        print(f"\n{MANY_FILES:,} files: {many} KiB; {VERY_MANY_FILES:,}: {very_many}")

    slack_kib = size(4, 8) * 1024  # SQLite's cache, 2 MiB, is full only then
    assert all(very_many[who] < many[who] + slack_kib for who in many)
