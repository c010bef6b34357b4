"""The container lines of a server of a run's model. Nothing here runs anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from infra.host.facts import Facts
from infra.job.tokens import draw_token
from infra.names import KIT_DIR, NOTEBOOKS_DIR

REQUIREMENTS: Final = "fastapi\nfastapi-offline\nuvicorn\nprometheus-client\norjson\n"
"""What a server needs besides what the training image has."""
NAME: Final = "rig-serve"
PORT: Final = 8000
FOLDER: Final = f"{KIT_DIR}/serve"
"""On the host: the kit's code that serves, and the models."""
STATE: Final = f"{NOTEBOOKS_DIR}/serve"
"""The units' past. It lies with the notebooks, so `rig stop` and `rig terminate` bring it home as they do those."""


def model_folder(facts: Facts, run: str) -> str:
    return f"{facts.home}/{FOLDER}/models/{run}"


def start(facts: Facts, image: str, run: str) -> tuple[list[str], ...]:
    """The server on the host's loopback, for the tunnel alone, behind a token.

    The container stays when it ends: it can say why.
    """
    code, state = f"{facts.home}/{FOLDER}/code", f"{facts.home}/{STATE}/{run}"
    model = model_folder(facts, run)
    volumes = [f"{code}:{code}:ro", f"{model}:{model}:ro", f"{state}:{state}"]
    return (
        ["mkdir", "-p", state],
        draw_token("SERVE_TOKEN", _token_file(facts)),
        [
            *facts.docker, "run", "--detach", "--name", NAME, "--network", "host", "--init", "--read-only",
            "--user", f"{facts.uid}:{facts.gid}",
            *(word for volume in volumes for word in ("--volume", volume)),
            "--env", f"PYTHONPATH={code}", "--env", "PYTHONDONTWRITEBYTECODE=1",
            "--env-file", _token_file(facts),
            image,
            "python3", "-m", "training", "serve", "--run", model, "--state", state, "--port", str(PORT),
        ],
    )  # fmt: skip


def token(facts: Facts) -> list[str]:
    """Prints SERVE_TOKEN=..."""
    return ["cat", _token_file(facts)]


def _token_file(facts: Facts) -> str:
    return f"{facts.home}/rig/serve.env"


def is_running(docker: Sequence[str]) -> list[str]:
    """Prints true or false; fails when there is no container."""
    return [*docker, "inspect", "--format", "{{.State.Running}}", NAME]


def stop(docker: Sequence[str]) -> list[str]:
    """SIGTERM: the server answers what it has begun, and keeps its units."""
    return [*docker, "stop", "--time", "40", NAME]


def remove(docker: Sequence[str]) -> list[str]:
    return [*docker, "rm", NAME]


def log(docker: Sequence[str]) -> list[str]:
    return [*docker, "logs", "--tail", "5", NAME]
