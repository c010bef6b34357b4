"""A rehearsal cloud in a folder of its own, and a user who stands there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from infra.errors import RigError
from infra.rehearsal import client
from tests.workflows.user import Person

TRAIN = """\
import os, pathlib, sys, time
out = pathlib.Path(os.environ["RIG_RUN_DIR"])
steps = int(sys.argv[1])
for step in range(1, steps + 1):
    print(f"[{100 * step // steps:3d}%] step {step}", flush=True)
    time.sleep(float(sys.argv[2]))
(out / "best.params").write_bytes(bytes(range(256)) * 4096)
pathlib.Path("out", "notes.txt").write_text("written to ./out")
print("done", flush=True)
"""


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    screens = ("DISPLAY", "WAYLAND_DISPLAY")  # a window would wait for somebody
    kept = {n: value for n, value in os.environ.items() if not n.startswith(("RIG_", "AWS_")) and n not in screens}
    settings = {"RIG_CLOUD": "rehearsal", "RIG_ENGINE": "process", "HOME": str(tmp_path)}
    yield Person(folder, {**kept, **settings})
    with suppress(RigError):  # the test ended it, or never began it
        client.down(folder)


@pytest.fixture
def docker(person: Person) -> Person:
    """Jobs run in containers of a real engine."""
    try:
        answered = subprocess.run(["docker", "info"], capture_output=True, timeout=300).returncode == 0
    except OSError:
        answered = False
    if not answered:
        pytest.skip("no Docker engine answers: https://docs.docker.com/engine/install/, or sudo apt install docker.io")
    person.environment["RIG_ENGINE"] = "docker"
    if "RIG_BASE_IMAGE" in os.environ:  # where no image registry can be reached
        person.environment["RIG_BASE_IMAGE"] = os.environ["RIG_BASE_IMAGE"]
    return person
