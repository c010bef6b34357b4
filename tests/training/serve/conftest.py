"""A run that forecasts, small and quickly made, and servers of it."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
DEADLINE_S = 60.0

Start = Callable[..., "Server"]


class Server:
    """`python -m training serve` as a process of its own, on a port of its own."""

    def __init__(self, words: list[str], environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training", "serve", *words],
            cwd=PROJECT,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def ask(
        self, path: str, body: str | bytes = b"", *, kind: str = "text/csv", method: str = "", **headers: str
    ) -> bytes:
        content = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(self.address + path, content or None, {"content-type": kind, **headers})
        request.method = method or ("POST" if content else "GET")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=DEADLINE_S) as answer:
            return bytes(answer.read())

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server; at the end of the test all of them are ended."""
    begun: list[Server] = []

    def one(*words: str, **environ: str) -> Server:
        begun.append(Server(list(words), environ))
        return begun[-1]

    yield one
    for server in begun:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="session")
def gearboxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the made-up log of docs/sensors.md in `log/`, and a finished run on it in `run/`."""
    pytest.importorskip("training.compat", reason="MXNet is not installed")
    from training.config import parse
    from training.jobs import load, sensors
    from training.train import train_and_evaluate

    home = tmp_path_factory.mktemp("gearboxes")
    subprocess.run([sys.executable, PROJECT / "docs/examples/gearboxes.py", home / "log"], check=True)
    described = (PROJECT / "docs/sensors.md").read_text().partition("```toml\n")[2].partition("```")[0]
    (home / "log" / "gearboxes.toml").write_text(described)
    words = [f"table={home}/log/gearboxes.toml", "horizon=48", "cap=150", "num_epochs=1", "hidden=8", "window=20"]
    train_and_evaluate(load("sensors"), parse(sensors.Config, [*words, "device=cpu"]), home / "run")
    return home


@pytest.fixture(scope="session")
def later(gearboxes: Path) -> list[dict[str, str]]:
    """The rows of later.csv, without the column that tells of the failure."""
    with (gearboxes / "log" / "later.csv").open(newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "failed_at"} for row in csv.DictReader(file)]


def as_csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
