"""A host whose ~/.bashrc prints: bash reads it for every command that comes over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.console import tell
from infra.host.connection import Host
from infra.host.facts import ask_facts
from infra.host.push import push_code, push_data, push_text
from infra.host.selection import select_code, select_data
from infra.host.sync import pull
from tests.host.ssh_server import Server


@pytest.fixture
def noisy(server: Server) -> Iterator[None]:
    (server.home / ".environment").write_text("echo Welcome to; echo; printf 'no line end'\n")
    yield
    (server.home / ".environment").write_text("")


@pytest.mark.usefixtures("noisy")
def test_what_it_prints_is_no_part_of_an_answer_and_no_file_suffers(
    host: Host, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, there, home = (tmp_path / name for name in ("code", "there", "home"))
    for folder in (code, there, home):
        folder.mkdir()
    (code / "a.py").write_text("print()")

    facts = ask_facts(host)
    push_code(host, select_code(code), f"{there}/code", rsync_there=facts.rsync)
    push_data(host, select_data(code), f"{there}/data", rsync_there=facts.rsync, tell=tell)
    pull(host, str(there), home, rsync_there=facts.rsync)

    assert capfd.readouterr().out == ""
    assert not facts.rsync  # it would take the words for its own
    assert host.run(["cat", f"{there}/code/a.py"]) == "print()"
    assert (home / "code" / "a.py").read_text() == (home / "data" / "a.py").read_text() == "print()"


def test_a_text_of_any_length_and_with_any_letter_arrives_as_it_is(host: Host, tmp_path: Path) -> None:
    text = "numpy  # 'quoted' $(touch evil)\n" * 10_000 + "ü\udcff"

    push_text(host, text, f"{tmp_path}/a folder/job.json")

    assert (tmp_path / "a folder" / "job.json").read_bytes() == text.encode(errors="surrogateescape")
