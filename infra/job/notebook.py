"""Jupyter's container lines. Nothing here runs anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from infra.host.facts import Facts
from infra.job.container import shared_memory_bytes
from infra.names import CODE_DIR, DATA_DIR

REQUIREMENTS: Final = "jupyterlab>=4,<5\nipykernel\n"
FOLDER: Final = "rig/notebooks"
NAME: Final = "rig-notebook"
PORT: Final = 8888


def start(facts: Facts, image: str, token: str, *, gpu: bool) -> tuple[list[str], ...]:
    """Jupyter on the host's loopback, for the tunnel alone. The token goes by environment, not by command line."""
    home = facts.home
    folder = f"{home}/{FOLDER}"
    volumes = [f"{folder}:{folder}", f"{home}/{CODE_DIR}:{home}/{CODE_DIR}:ro", f"{home}/{DATA_DIR}:{home}/{DATA_DIR}"]
    environment = {"HOME": folder, "JUPYTER_TOKEN": token, "PYTHONPATH": f"{home}/{CODE_DIR}",
                   "RIG_DATA": f"{home}/{DATA_DIR}"}  # fmt: skip
    return (
        ["mkdir", "-p", folder],
        [
            *facts.docker, "run", "--detach", "--rm", "--name", NAME, "--network", "host",
            *(["--gpus", "all"] if gpu else []),
            "--shm-size", str(shared_memory_bytes(facts.memory_bytes)),
            "--init", "--user", f"{facts.uid}:{facts.gid}",
            *(word for volume in volumes for word in ("--volume", volume)),
            "--workdir", folder,
            *(word for name, value in sorted(environment.items()) for word in ("--env", f"{name}={value}")),
            image,
            "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={PORT}", "--port-retries=0",
        ],
    )  # fmt: skip


def stop(docker: Sequence[str]) -> list[str]:
    return [*docker, "stop", "--time", "10", NAME]


def log(docker: Sequence[str]) -> list[str]:
    return [*docker, "logs", "--tail", "5", NAME]
