"""A notebook over a real SSH server: the folder goes there, Jupyter answers through the tunnel, all comes home."""

from __future__ import annotations

import shlex
import stat
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.errors import ArtifactsMissing, WorldError
from infra.host.connection import Host
from infra.host.facts import ask_facts
from infra.host.sync import Arrival
from infra.job import notebook
from infra.workflows import notebooks, shell
from tests.host.ssh_server import Server

# Stands for Jupyter: serves, and saves a notebook at each request.
JUPYTER = """#!{python}
import http.server, os, pathlib, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        before = pathlib.Path("mine.ipynb").read_text()
        pathlib.Path("new.ipynb").write_text(before + " went there and back")
        self.send_response(200); self.end_headers()
        self.wfile.write(os.environ["JUPYTER_TOKEN"].encode())
http.server.HTTPServer(("127.0.0.1", {port}), Page).serve_forever()
"""


@pytest.fixture
def rig(host: Host, server: Server, docker_as_processes: None, tmp_path: Path, free_port: int, monkeypatch: Any) -> Any:
    monkeypatch.setattr(notebook, "PORT", free_port)
    for name, stand_in in {
        "running_instance": lambda rig: None,
        "open_host": lambda rig, instance: host,
        "images_for": lambda *_: ("kit", "own"),
        "ensure_images": lambda *_: None,
        "wants_gpu": lambda *_: False,
        "announce": lambda *_: None,
    }.items():
        monkeypatch.setattr(shell, name, stand_in)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "mine.ipynb").write_text("it")
    jupyter = server.home / "bin" / "jupyter"
    jupyter.write_text(JUPYTER.format(python=sys.executable, port=free_port))
    jupyter.chmod(0o755)
    return SimpleNamespace(project=tmp_path, tell=print)


def test_the_folder_goes_there_jupyter_answers_and_what_it_saved_comes_home(rig: Any, host: Host) -> None:
    def person(address: str) -> None:
        with urllib.request.urlopen(address) as page:
            assert page.read().decode() == address.partition("token=")[2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shell.run_notebook(rig, person, print)

    assert (rig.project / "notebooks" / "new.ipynb").read_text() == "it went there and back"
    assert not host.ask(["docker", "inspect", notebook.NAME]).ok, "nothing is left running"


def test_jupyter_that_does_not_start_is_said_with_its_own_words(rig: Any, server: Server, host: Host) -> None:
    (server.home / "bin" / "jupyter").write_text("#!/bin/sh\necho no such kernel\nexit 1\n")

    with pytest.raises(WorldError, match="Jupyter did not start on the instance: no such kernel"):
        shell.run_notebook(rig, print, print)
    assert not host.ask(notebook.is_running(["docker"])).ok, "and is out of the next one's way"


def test_a_notebook_that_lost_its_laptop_goes_on_and_nothing_older_is_laid_over_its_work(
    rig: Any, host: Host, server: Server
) -> None:
    facts, there, ours = ask_facts(host), server.home / notebook.FOLDER, rig.project / "notebooks"
    shell._send(rig, host, facts)
    (there / "mine.ipynb").write_text("a day of work")
    host.run(*notebook.start(facts, "own", gpu=False))

    def person(address: str) -> None:
        urllib.request.urlopen(address).close()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shell.run_notebook(rig, person, print)

    assert (ours / "new.ipynb").read_text() == "a day of work went there and back"
    assert (ours / "mine.ipynb").read_text() == "a day of work"


def test_the_work_of_a_notebook_that_ended_alone_comes_home_before_ours_goes_there(
    rig: Any, host: Host, server: Server
) -> None:
    facts, there, ours = ask_facts(host), server.home / notebook.FOLDER, rig.project / "notebooks"
    jupyter = server.home / "bin" / "jupyter"
    serving = jupyter.read_text()
    jupyter.write_text("#!/bin/sh\necho killed for memory\nexit 1\n")
    shell._send(rig, host, facts)
    host.run(*notebook.start(facts, "own", gpu=False))
    host.run(["docker", "wait", notebook.NAME])
    (there / "mine.ipynb").write_text("a day of work")
    jupyter.write_text(serving)

    def person(address: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shell.run_notebook(rig, person, print)

    assert (ours / "mine.ipynb").read_text() == "a day of work"


def test_work_that_cannot_come_home_stays_there_and_nothing_older_is_laid_over_it(
    rig: Any, server: Server, host: Host, monkeypatch: Any
) -> None:
    """Twice, since the second command must not have forgotten the first."""
    there = server.home / notebook.FOLDER / "mine.ipynb"
    left = Arrival(left={"mine.ipynb": "this disk is full"}, notes={})
    monkeypatch.setattr(notebooks, "pull_ended", lambda *_, **__: left)

    def person(address: str) -> None:
        there.write_text("a day of work")
        raise EOFError("the user has left")

    for _ in range(2):
        with pytest.raises(ArtifactsMissing, match=r"notebooks/mine\.ipynb is not home: this disk is full"):
            shell.run_notebook(rig, person, print)
        assert there.read_text() == "a day of work"


def test_the_token_stands_on_no_command_line_and_in_nobody_else_s_reach(
    host: Host, docker_as_processes: None, server: Server
) -> None:
    facts = ask_facts(host)
    lines = notebook.start(facts, "own", gpu=False)
    host.run(*lines[:-1])
    token = host.run(notebook.token(facts)).partition("=")[2].strip()

    assert len(token) == 48
    assert token not in " ".join(word for line in lines for word in line)
    assert stat.S_IMODE((server.home / "rig" / "notebook.env").stat().st_mode) == 0o600


def test_the_container_is_no_run_and_shows_no_token_in_the_command(host: Host, docker_as_processes: None) -> None:
    facts = ask_facts(host)
    *_, line = notebook.start(facts, "own", gpu=True)

    assert "--label" not in line, "a forgotten notebook must not look like a run to the guard"
    assert line[line.index("own") :] == [
        "own", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", "--port=8888", "--port-retries=0",
        *(["--allow-root"] if facts.uid == 0 else []),
    ]  # fmt: skip
    assert "--gpus all" in shlex.join(line)
