"""The kit's programs on the host: a run that starts while somebody else asks finds them, whole."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import HostUnreachable
from infra.host import programs
from infra.host.connection import Host
from infra.host.facts import PROGRAMS, ask_facts
from infra.host.programs import SCRIPTS
from infra.names import KIT_DIR
from tests.host.ssh_server import Server


def test_they_are_there_and_whole_while_they_are_sent_again(host: Host, server: Server) -> None:
    ask_facts(host)
    seen: set[tuple[str, bytes]] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.update(_on(server))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(10):
            ask_facts(host)
    finally:
        over.set()
        looking.join()

    assert seen == {(name, (SCRIPTS / name).read_bytes()) for name in PROGRAMS}
    assert [path.name for path in (server.home / KIT_DIR).iterdir() if path.name.startswith(".new")] == []


def test_a_disk_that_fills_up_leaves_those_of_before(host: Host, server: Server, tar_that_finds_no_room: None) -> None:
    facts = ask_facts(host)

    assert facts.home == str(server.home)
    assert set(_on(server)) == {(name, (SCRIPTS / name).read_bytes()) for name in PROGRAMS}


def _on(server: Server) -> Iterator[tuple[str, bytes]]:
    for name in PROGRAMS:
        try:
            yield name, (server.home / KIT_DIR / name).read_bytes()
        except FileNotFoundError:
            yield name, b"not there"


@pytest.fixture
def tar_that_finds_no_room(host: Host, server: Server) -> Iterator[None]:
    """As GNU tar on a full disk: what was there is removed, a file without content stands in its place, exit code 2."""
    ask_facts(host)
    tar = Path(server.home / "full" / "tar")
    tar.parent.mkdir()
    tar.write_text(f'#!/bin/sh\nfor word; do folder=$word; done\n{shutil.which("tar")} "$@"\n'
                   'for file in "$folder"/*.py; do : > "$file"; done\nexit 2\n')  # fmt: skip
    tar.chmod(0o755)
    (server.home / ".environment").write_text(f"export PATH={tar.parent}:$PATH\n")
    yield
    (server.home / ".environment").write_text("")


@pytest.fixture
def environment(server: Server) -> Iterator[Path]:
    """What is read there before each command."""
    yield server.home / ".environment"
    (server.home / ".environment").write_text("")


def test_a_machine_that_takes_the_connection_and_never_greets_is_given_up_soon(
    host: Host, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.write_text("sleep 20\n")
    monkeypatch.setattr(programs, "FIRST_WORD_S", 0.5)
    began = time.monotonic()

    with pytest.raises(HostUnreachable, match=r"has not answered within 0\.5 s: the machine hangs"):
        ask_facts(host)

    assert time.monotonic() - began < 10


def test_one_that_has_greeted_may_take_its_time(
    host: Host, environment: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = server.home / "slow"
    slow.mkdir()
    (slow / "python3").write_text(f'#!/bin/sh\nsleep 3\nexec {shutil.which("python3")} "$@"\n')
    (slow / "python3").chmod(0o755)
    ask_facts(host)  # a connection is there
    environment.write_text(f"export PATH={slow}:$PATH\n")
    monkeypatch.setattr(programs, "FIRST_WORD_S", 2.0)

    assert ask_facts(host).home == str(server.home)


def test_it_is_known_by_how_much_a_clock_there_differs(host: Host, environment: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time\nnow = time.time\ntime.time = lambda: now() + AHEAD\n")
    found = []
    for ahead in (0.0, 750.0, -7200.0):
        shifted = (tmp_path / "sitecustomize.py").read_text().partition("AHEAD = ")[0] + f"AHEAD = {ahead}\n"
        (tmp_path / "sitecustomize.py").write_text(shifted)
        environment.write_text(f"export PYTHONPATH={tmp_path} PYTHONDONTWRITEBYTECODE=1\n")
        found.append(ask_facts(host).clock_ahead_s)

    same, ahead, behind = found
    assert same == 0.0
    assert 690 < ahead <= 750
    assert -7200 <= behind < -7140
