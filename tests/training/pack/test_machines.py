"""A log packed on several machines: the bytes are those of one, whoever is lost on the way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.pack.test_pack import tree, write_fleet
from training.pack.main import main

PROJECT = Path(__file__).resolve().parents[3]


def free_place() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


class Node:
    """One machine: a folder with the log in it, and a process."""

    def __init__(self, folder: Path, number: int, first: str) -> None:
        self.folder = folder / str(number)
        shutil.copytree(folder / "log", self.folder / "log")
        place = ["--nodes", "2", "--node", str(number), "--first", first, "--workers", "1"]
        words = ["-m", "training", "pack", *place, "--", str(self.folder / "log/fleet.toml"), str(self.packed)]
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)}, start_new_session=True,
        )  # fmt: skip

    @property
    def packed(self) -> Path:
        return self.folder / "packed"

    def ends(self) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=300)
        return self.process.returncode, said


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """What one machine makes of it."""
    table = write_fleet(tmp_path / "log", months=4, units=40)
    assert main([str(table), str(tmp_path / "alone")]) == 0
    return tree(tmp_path / "alone")


def test_two_machines_make_the_bytes_of_one_and_only_the_first_keeps_them(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    first = free_place()
    nodes = [Node(tmp_path, number, first) for number in range(2)]

    ends = [node.ends() for node in nodes]

    assert [code for code, _ in ends] == [0, 0], ends
    assert tree(nodes[0].packed) == alone
    assert [sorted(path.name for path in node.folder.iterdir()) for node in nodes] == [["log", "packed"], ["log"]]
    assert ends[1][1] == "", "node 0 tells it all"


@pytest.mark.exhaustive
def test_a_machine_that_is_lost_takes_nothing_with_it(tmp_path: Path, alone: dict[str, str]) -> None:
    first = free_place()
    nodes = [Node(tmp_path, number, first) for number in range(2)]
    assert nodes[0].process.stdout is not None
    nodes[0].process.stdout.readline()  # all are there

    os.killpg(nodes[1].process.pid, signal.SIGKILL)

    code, said = nodes[0].ends()
    assert (code, tree(nodes[0].packed)) == (0, alone), said


@pytest.mark.exhaustive
def test_a_machine_with_another_log_is_named(tmp_path: Path, alone: dict[str, str]) -> None:
    first = free_place()
    write_fleet(tmp_path / "log", months=4, units=40, seed=1)
    (tmp_path / "log" / "log1.csv").write_text("u,t,x,mode,gear,f\nM0,1,2,eco,1,9\n")
    second = Node(tmp_path, 1, first)
    shutil.rmtree(tmp_path / "log")
    write_fleet(tmp_path / "log", months=4, units=40)

    code, said = Node(tmp_path, 0, first).ends()

    assert code == 2
    assert "node 2 has another log: log" in said
    assert second.ends()[0] == 0, "it is told that it is over"
