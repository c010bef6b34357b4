"""What the host says of its runs, with a Docker that answers, hangs up, or needs sudo: a run is never misjudged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "infra" / "remote" / "host_facts.py"
Ask = Callable[..., dict[str, Any]]
DOCKER = """#!/bin/sh
case "$1 $2" in
"ps --all") cat "$HOME/ps" ;;
"inspect --format") for name; do :; done; cat "$HOME/state-$name" ;;
"image ls") echo gluon-rig:cpu-1; echo gluon-rig:gpu-2 ;;
esac
"""
SILENT = "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n"


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Runs the program on a host whose disk is *tmp_path*; `docker` and `sudo` are the given shell programs."""

    def look(*images: str, **programs: str) -> dict[str, Any]:
        bin_ = tmp_path / "bin"
        bin_.mkdir(exist_ok=True)
        for name, text in programs.items():
            (bin_ / name).write_text(text)
            (bin_ / name).chmod(0o755)
        environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{bin_}:/usr/bin:/bin", "RIG_ROOT": str(tmp_path)}
        done = subprocess.run([sys.executable, PROGRAM, *images], capture_output=True, env=environment, check=True)
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts

    return look


def put(home: Path, name: str, *, ending: dict[str, Any] | None = None, container: str = "", **state: Any) -> None:
    folder = home / "rig" / "runs" / name
    folder.mkdir(parents=True)
    if ending is not None:
        (folder / "exit.json").write_text(json.dumps({"by": "gluon-rig", **ending}))
    with (home / "ps").open("a") as ps:
        if container:
            ps.write(f"rig-{name} {container}\n")
    if state:
        (home / f"state-rig-{name}").write_text(json.dumps(state))


def of(facts: dict[str, Any], name: str) -> tuple[str, int | None, bool]:
    (one,) = [one for one in facts["runs"] if one["name"] == name]
    return one["state"], one["exit_code"], one["oom"]


def test_each_run_is_what_its_record_and_its_container_say_together(ask: Ask, tmp_path: Path) -> None:
    put(tmp_path, "goes-on", container="running", Running=True, ExitCode=0)
    put(tmp_path, "seals", container="running", ending={"exit_code": 0})
    put(tmp_path, "done", container="exited", ending={"exit_code": 3, "oom_kills": 0})
    put(tmp_path, "removed", ending={"exit_code": 0})
    put(tmp_path, "killed", container="exited", Running=False, ExitCode=137, OOMKilled=True)
    put(tmp_path, "hungry", container="exited", ending={"exit_code": 1, "oom_kills": 2})
    put(tmp_path, "power-cut", container="exited", Running=False, ExitCode=255)
    put(tmp_path, "vanished")
    os.utime(tmp_path / "rig" / "runs" / "vanished", (1e9, 1e9))
    put(tmp_path, "is-being-started")
    (tmp_path / "rig" / "runs" / ".restored.part").mkdir()
    for place, written in enumerate(
        ("[]", '{"exit_code": "done"}', '{"by": "gluon-rig", "exit_code": []}', "[" * 5000)
    ):
        put(tmp_path, f"own-{place}", container="exited", Running=False, ExitCode=4)
        (tmp_path / "rig" / "runs" / f"own-{place}" / "exit.json").write_text(written)

    facts = ask(docker=DOCKER)

    assert {one["name"]: of(facts, one["name"]) for one in facts["runs"]} == {
        "goes-on": ("running", None, False),
        "seals": ("running", None, False),
        "done": ("ended", 3, False),
        "removed": ("ended", 0, False),
        "killed": ("ended", 137, True),
        "hungry": ("ended", 1, True),
        "power-cut": ("ended", None, False),
        "vanished": ("lost", None, False),
        **{f"own-{place}": ("ended", 4, False) for place in range(4)},  # the program's own file of that name
    }


def test_a_silent_docker_does_not_make_a_run_that_goes_on_look_lost(ask: Ask, tmp_path: Path) -> None:
    put(tmp_path, "goes-on", container="running")
    put(tmp_path, "done", ending={"exit_code": 0})

    facts = ask(docker=SILENT, sudo=SILENT)

    assert facts["docker"] == []
    assert (of(facts, "goes-on"), of(facts, "done")) == (("unknown", None, False), ("ended", 0, False))


def test_docker_for_root_alone_is_reached_by_sudo(ask: Ask, tmp_path: Path) -> None:
    put(tmp_path, "goes-on", container="running", Running=True)
    inner = DOCKER.replace('"$1 $2"', '"$3 $4"').replace("#!/bin/sh", "#!/bin/sh\n[ $1 = -n ] || exit 1")

    facts = ask("gluon-rig:cpu-1", "gluon-rig:cpu-9", docker=SILENT, sudo=inner)

    assert (facts["docker"], facts["images"]) == (["sudo", "-n", "docker"], ["gluon-rig:cpu-1"])
    assert of(facts, "goes-on") == ("running", None, False)
