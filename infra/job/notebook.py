"""Jupyter's container lines. Nothing here runs anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from infra.host.facts import Facts
from infra.job.container import shared_memory_bytes
from infra.job.tokens import draw_token
from infra.names import CODE_DIR, DATA_DIR, NOTEBOOKS_DIR

REQUIREMENTS: Final = "jupyterlab>=4,<5\nipykernel\n"
FOLDER: Final = NOTEBOOKS_DIR
NAME: Final = "rig-notebook"
PORT: Final = 8888


# Jupyter's own files hold its token, and are no work of the user's: they stay out of the folder that comes home.
_OWN_FOLDERS: Final = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR",
                       "XDG_CACHE_HOME")  # fmt: skip


def start(facts: Facts, image: str, *, gpu: bool) -> tuple[list[str], ...]:
    """Jupyter on the host's loopback, for the tunnel alone, behind a token.

    The container stays when it ends: it can say why, and that it is there says that its work is not home yet.
    """
    home = facts.home
    folder = f"{home}/{FOLDER}"
    volumes = [f"{folder}:{folder}", f"{home}/{CODE_DIR}:{home}/{CODE_DIR}:ro", f"{home}/{DATA_DIR}:{home}/{DATA_DIR}"]
    environment = {"HOME": folder, "PYTHONPATH": f"{home}/{CODE_DIR}", "RIG_DATA": f"{home}/{DATA_DIR}",
                   **{name: f"/tmp/{name.lower()}" for name in _OWN_FOLDERS}}  # fmt: skip
    return (
        ["mkdir", "-p", folder],
        draw_token("JUPYTER_TOKEN", _token_file(facts)),
        [
            *facts.docker, "run", "--detach", "--name", NAME, "--network", "host",
            *(["--gpus", "all"] if gpu else []),
            "--shm-size", str(shared_memory_bytes(facts.memory_bytes)),
            "--init", "--user", f"{facts.uid}:{facts.gid}",
            *(word for volume in volumes for word in ("--volume", volume)),
            "--workdir", folder,
            *(word for name, value in sorted(environment.items()) for word in ("--env", f"{name}={value}")),
            "--env-file", _token_file(facts),
            image,
            "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={PORT}", "--port-retries=0",
            *(["--allow-root"] if facts.uid == 0 else []),  # the login is root only where a rehearsal's user is
        ],
    )  # fmt: skip


def token(facts: Facts) -> list[str]:
    """Prints JUPYTER_TOKEN=..."""
    return ["cat", _token_file(facts)]


def _token_file(facts: Facts) -> str:
    return f"{facts.home}/rig/notebook.env"


def is_running(docker: Sequence[str]) -> list[str]:
    """Prints true or false; fails when there is no container."""
    return [*docker, "inspect", "--format", "{{.State.Running}}", NAME]


def remove(docker: Sequence[str]) -> list[str]:
    return [*docker, "rm", NAME]


def stop(docker: Sequence[str]) -> list[str]:
    return [*docker, "stop", "--time", "10", NAME]


def log(docker: Sequence[str]) -> list[str]:
    return [*docker, "logs", "--tail", "5", NAME]
