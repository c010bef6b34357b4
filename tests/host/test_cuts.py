"""The line is cut at random moments of sync, start, follow and pull: nothing is lost, doubled, or misjudged."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.errors import JobFailed
from infra.host import retry
from infra.host.carry import rsync_here
from infra.host.connection import Host
from infra.host.facts import ask_facts
from infra.host.retry import persistently
from infra.host.selection import select_code
from infra.host.target import Target
from infra.job import artifacts, run
from infra.job.container import Container
from infra.job.outcome import judge
from infra.names import CODE_DIR
from infra.settings import Settings
from infra.workflows.context import Rig
from infra.workflows.prepare_run import send_code
from tests.host.cutting_proxy import Proxy
from tests.sizes import size, tried

NOBODY: Any = None
RIG = Rig(settings=Settings(), session=NOBODY, project=Path(), tell=lambda line: None)
CUTS = size(12, 120)
PHASES = {"sync": 800_000, "follow": 12_000, "pull": 600_000}  # bytes that pass in each, about
JOB = """
import os, sys, time
folder = os.environ["RIG_RUN_DIR"]
open(folder + "/starts", "a").write("started\\n")
for n in range(150):
    print("line", n, flush=True)
    time.sleep(0.002)
for n in range(12):
    open(f"{folder}/weights-{n}.params", "wb").write(os.urandom(50_000))
sys.exit(3)
"""


@pytest.fixture
def proxy(target: Target) -> Iterator[Proxy]:
    with Proxy(target.port) as between:
        yield between


@pytest.fixture
def far(target: Target, proxy: Proxy, docker_as_processes: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The host behind the proxy."""
    if not rsync_here():
        pytest.skip("rsync is missing: sudo apt install rsync")
    monkeypatch.setattr(retry, "PAUSES_S", (0.01,) * 4)
    with Host(dataclasses.replace(target, port=proxy.port)) as opened:
        yield opened


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def some_code(folder: Path) -> Path:
    for n in range(40):
        path = folder / f"package {n % 5}" / f"module {n}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.randbytes(20_000))
    (folder / "job.py").write_text(JOB)
    return folder


def test_cuts_at_random_moments_lose_nothing_start_nothing_twice_and_keep_the_exit_code(
    far: Host, proxy: Proxy, tmp_path: Path
) -> None:
    tried(CUTS)
    for round_number in range(CUTS // 6):
        one_life(far, proxy, tmp_path, f"r{round_number}")

    assert proxy.cuts > CUTS // 2, "most of the cuts must have hit an open line"


def one_life(far: Host, proxy: Proxy, tmp_path: Path, name: str) -> None:
    def tell(_: str) -> None: ...

    facts = persistently(lambda: ask_facts(far), tell=tell)
    code = some_code(tmp_path / name / "code")
    there = Path(facts.home) / CODE_DIR
    if name.endswith(("0", "2", "4", "6", "8")):  # a first copy
        shutil.rmtree(there)
        facts = persistently(lambda: ask_facts(far), tell=tell)

    proxy.cut_after(random.randrange(PHASES["sync"]) for _ in range(2))
    send_code(RIG, far, facts, select_code(code))
    assert digests(there) == digests(code)

    proxy.cut_after(random.randrange(PHASES["follow"]) for _ in range(2))
    container = Container(run=name, image="any", command=["python3", "job.py"], facts=facts, gpu=False)
    shown: list[str] = []
    run.start(far, container, tell=tell)
    run.follow(lambda: far, ("docker",), name, shown.append, tell=tell, sleep=lambda _: None)
    assert [line for line in shown if line.startswith("line")] == [f"line {n}" for n in range(150)]

    proxy.cut_after(random.randrange(PHASES["pull"]) for _ in range(2))
    facts = persistently(lambda: ask_facts(far), tell=tell)
    (one,) = [one for one in facts.runs if one.name == name]
    home = artifacts.fetch(far, facts, one, tmp_path / "runs", tell=tell)
    assert digests(home) == digests(Path(container.run_dir))
    assert (home / "starts").read_text() == "started\n"
    with pytest.raises(JobFailed, match="failed with exit code 3"):
        judge(one, facts.ended)


def test_when_the_shared_ssh_connection_dies_following_goes_on(far: Host, tmp_path: Path) -> None:
    facts = ask_facts(far)
    container = Container(
        run="orphan",
        image="any",
        command=["sh", "-c", "echo before; while [ ! -e $RIG_RUN_DIR/go ]; do sleep 0.02; done; echo after"],
        facts=facts,
        gpu=False,
    )
    (Path(facts.home) / CODE_DIR).mkdir(parents=True, exist_ok=True)
    run.start(far, container, tell=print)
    shown: list[str] = []

    def show(line: str) -> None:
        shown.append(line)
        if line == "before":
            process = far.stream(["true"])  # through the shared connection: it is up
            process.wait()
            kill_master(far)
            (Path(container.run_dir) / "go").touch()

    run.follow(lambda: far, ("docker",), "orphan", show, tell=lambda _: None, sleep=lambda _: None)

    assert [line for line in shown if not line.startswith("rehearsal")] == ["before", "after"]


def kill_master(host: Host) -> None:
    import subprocess

    from infra.host.command_lines import ssh

    said = subprocess.run(ssh(host.target, options=["-O", "check"]), capture_output=True, text=True).stderr
    os.kill(int(said.partition("pid=")[2].partition(")")[0]), 9)
