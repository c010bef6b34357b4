"""The kit's programs on the host: a run that starts while somebody else asks finds them, whole."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

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
