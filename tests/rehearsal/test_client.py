"""One background process per project: started once, found again, ended whole; what a killed one leaves is cleared."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra.errors import NothingToDo, RehearsalDown, UserError
from infra.rehearsal import client, processes
from infra.rehearsal.paths import Place
from tests.workflows.user import aws


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    with suppress(NothingToDo):
        client.down(tmp_path)


def test_many_callers_at_once_get_one_cloud(project: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        clouds = list(pool.map(lambda _: client.ensure_running(project, print), range(4)))

    assert len({(cloud.endpoint_url, cloud.pid) for cloud in clouds}) == 1
    assert client.find(project) == clouds[0]
    client.down(project)
    assert client.find(project) is None
    with pytest.raises(NothingToDo):
        client.down(project)


def test_a_killed_cloud_is_named_and_its_instances_processes_are_ended(
    project: Path, begin: Callable[[Path], Any]
) -> None:
    rehearsal = begin(project)
    box = rehearsal.launch().ready()
    box.say("docker run -d any:tag sleep 306")
    mark = Place(project).mark
    os.kill(rehearsal.cloud.pid, signal.SIGKILL)
    os.waitpid(rehearsal.cloud.pid, 0)
    assert processes.carrying(mark)

    with pytest.raises(RehearsalDown, match="has died"):
        client.find(project)
    assert processes.carrying(mark) == []
    said: list[str] = []
    again = client.ensure_running(project, said.append)

    assert again.pid != rehearsal.cloud.pid
    assert "had died" in said[0]


def test_the_end_of_the_cloud_is_the_end_of_its_instances(project: Path, begin: Callable[[Path], Any]) -> None:
    rehearsal = begin(project)
    box = rehearsal.launch().ready()
    box.say("docker run -d any:tag sleep 308")

    client.down(project)

    assert processes.carrying(Place(project).mark) == []


def test_a_taken_port_is_said_with_the_way_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("RIG_REHEARSAL_PORT", port)

        with pytest.raises(RehearsalDown, match=f"Port {port} of this computer is taken") as refused:
            client.ensure_running(project, print)

    assert str(refused.value.hint).startswith("its log: ")


def test_everything_listens_on_the_loopback_only(rehearsal: Any, box: Any) -> None:
    if not processes.LINUX:
        pytest.skip("the list of listening ports is read from /proc")
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {os.readlink(link) for link in Path(f"/proc/{rehearsal.cloud.pid}/fd").iterdir() if link.is_symlink()}
    listening = {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}

    assert listening == {"0100007F"}


def test_the_door_imports_nothing_heavy() -> None:
    heavy = ["boto3", "botocore", "moto", "asyncssh", "werkzeug", "fabric", "paramiko", "asyncio"]
    ask = f"import infra.rehearsal.client, sys; print([name for name in {heavy} if name in sys.modules])"

    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)

    assert said.stdout == "[]\n"


def test_a_cloud_too_busy_to_answer_is_not_taken_for_dead(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = client.ensure_running(project, print)
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.3)
    os.kill(cloud.pid, signal.SIGSTOP)

    with pytest.raises(RehearsalDown, match="does not answer"):
        client.find(project)
    os.kill(cloud.pid, signal.SIGCONT)

    monkeypatch.undo()
    assert client.find(project) == cloud


def test_a_renamed_folder_is_said_and_nothing_is_left_running_under_its_old_name(tmp_path: Path) -> None:
    old, new = tmp_path / "before", tmp_path / "after"
    old.mkdir()
    cloud = client.ensure_running(old, print)
    aws(cloud, "sts").get_caller_identity()  # it is whole: what it needs of its folder it has read and written
    old.rename(new)
    for ask in (lambda: client.ensure_running(new, print), lambda: client.find(new)):
        with pytest.raises(RehearsalDown, match="before when its rehearsal cloud was started"):
            ask()

    new.rename(old)
    assert client.find(old) == cloud, "under its own name all is as before"

    old.rename(new)
    client.down(new)
    assert processes.command_of(cloud.pid) == []
    assert client.find(new) is None


def test_a_disk_that_takes_nothing_keeps_nobody_from_the_cloud_that_is_up(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`stop` asks it, and has to work on a full disk."""
    cloud = client.ensure_running(project, print, engine="process")
    monkeypatch.setattr(client, "write_whole", lambda *_: pytest.fail("something is written"))

    assert client.ensure_running(project, print, engine="process") == cloud


def test_a_copied_folder_has_a_cloud_of_its_own(tmp_path: Path) -> None:
    first, copy, said = tmp_path / "first", tmp_path / "copy", list[str]()
    first.mkdir()
    cloud = client.ensure_running(first, print)
    shutil.copytree(first, copy)

    other = client.ensure_running(copy, said.append)
    client.down(copy)

    assert other.pid != cloud.pid
    assert "is a copy of" in said[0]
    assert client.find(first) == cloud
    client.down(first)


@pytest.mark.parametrize("name", ["two\nlines", "a\ttab", "caf\udce9"])
def test_a_folder_whose_name_cannot_be_printed_is_refused_before_anything_is_made(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()

    with pytest.raises(UserError, match="cannot be printed"):
        client.ensure_running(folder, print)

    assert list(folder.iterdir()) == []
