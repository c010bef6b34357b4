"""Many launches, and many runs on one machine: nothing is left over, and nothing grows, here or in the cloud."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from infra import cli
from infra.rehearsal import processes
from infra.rehearsal.paths import CLOUD_MARK, INSTANCE_MARK, Place
from tests.sizes import size, tried
from tests.test_load import memory_kib, open_files
from tests.workflows.user import Person, eventually

LAUNCHES, RUNS = size(2, 100), size(3, 50)
GROWTH_KIB = size(96, 32) * 1024
"""Over the second half. The first lines load boto3's models, which stay; a leak goes on."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@pytest.fixture
def here(person: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    """The lines are typed in this process, whose memory is one of those that must not grow."""
    monkeypatch.chdir(person.folder)
    for name in [name for name in os.environ if name.startswith(("RIG_", "AWS_"))]:
        monkeypatch.delenv(name)
    for name in ("RIG_CLOUD", "RIG_ENGINE", "HOME"):
        monkeypatch.setenv(name, person.environment[name])
    return person


class Use:
    """Memory and open files of this process and of the cloud, half-way and at the end."""

    def __init__(self, person: Person) -> None:
        self._pids = {"laptop": os.getpid(), "cloud": person.cloud().pid}
        self.seen: list[dict[str, tuple[int, int]]] = []

    def look(self) -> None:
        gc.collect()  # boto3's clients hold one another
        self.seen.append({name: (memory_kib(pid), open_files(pid)) for name, pid in self._pids.items()})

    def require_flat(self) -> None:
        print(self.seen)
        for name, (memory, files) in self.seen[-1].items():
            before, open_before = self.seen[0][name]
            assert memory < before + GROWTH_KIB, (name, self.seen)
            assert files <= open_before + 2, (name, self.seen)  # a connection that is kept alive, a log


def type_line(*words: str) -> None:
    assert cli.main(list(words)) == 0


def of_instances(person: Person) -> list[int]:
    """Processes of instances that live: those of the cloud itself are none."""
    marked = processes.carrying(f"{CLOUD_MARK}={Place(person.folder).folder}")
    return [pid for pid in marked if any(INSTANCE_MARK in word for word in _environment(pid))]


def _environment(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


@pytest.mark.exhaustive
def test_launches_leave_no_process_no_disk_and_no_memory(here: Person) -> None:
    type_line("launch", "--type", "t3.micro", "--yes")
    type_line("terminate")
    use = Use(here)
    for number in range(LAUNCHES):
        type_line("launch", "--type", "t3.micro", "--yes")
        type_line("terminate")
        if number + 1 in (LAUNCHES // 2, LAUNCHES):
            use.look()
    tried(LAUNCHES)

    assert here.living() == []
    eventually(lambda: not of_instances(here), "the end of all processes of the machines")
    use.require_flat()


@pytest.mark.exhaustive
def test_many_runs_on_one_machine_all_come_home_and_leave_nothing_there(here: Person) -> None:
    type_line("launch", "--type", "t3.micro", "--yes")
    use, quiet = Use(here), 0
    for number in range(RUNS):
        type_line("train", "remote", "--cmd", f"echo {number} > out/number.txt; echo {number}")
        if number + 1 in (max(1, RUNS // 2), RUNS):
            use.look()
        quiet = quiet or len(of_instances(here))
    tried(RUNS)

    runs = [path for path in (here.folder / "runs").iterdir() if path.is_dir() and path.name[:1].isdigit()]
    numbers = sorted(
        int((run / "number.txt").read_text() if (run / "number.txt").exists() else (run / "out/number.txt").read_text())
        for run in runs
    )
    assert numbers == list(range(RUNS))
    assert len(of_instances(here)) <= quiet, "a run leaves no process"
    (instance,) = Place(here.folder).instances.iterdir()
    assert list(instance.rglob("wish.json")) == [], "a run that is home leaves no container"
    use.require_flat()
    type_line("stop")
