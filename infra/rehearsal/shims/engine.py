"""Which engine runs the containers: Docker where there is one and it is wanted, else plain processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CHOICE: Final = "RIG_REHEARSAL_ENGINE"
OWNER_LABEL: Final = "rig-rehearsal.instance"  # real containers do not carry our environment mark, so they get a label


def chosen(engine_file: Path, environ: Mapping[str, str]) -> str:
    """docker or process. The file, which the command line writes, wins over the environment."""
    wish = engine_file.read_text().strip() if engine_file.exists() else environ.get(CHOICE, "auto")
    return _found(found_file(engine_file)) if wish == "auto" else wish


def found_file(engine_file: Path) -> Path:
    """What "auto" came to; asked once in the life of a cloud, for asking costs a tenth of a second each time."""
    return engine_file.with_name("engine-found")


def _found(remembered: Path) -> str:
    if not remembered.exists():
        remembered.write_text("docker" if _answers() else "process")
    return remembered.read_text()


def real_docker() -> str | None:
    """The Docker client of the computer below, past the shim that stands first on an instance's PATH."""
    shims = os.environ.get("RIG_ROOT", "")
    folders = [f for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if not shims or f != _bin_of(shims)]
    return shutil.which("docker", path=os.pathsep.join(folders))


def _bin_of(root: str) -> str:
    return str(Path(root).parent / "bin")


def _answers() -> bool:
    client = real_docker()
    if client is None:
        return False
    try:
        asked = subprocess.run([client, "info"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    # `docker info` exits 0 with some clients even when the daemon does not answer; then it says so on stderr.
    return asked.returncode == 0 and b"Cannot connect" not in asked.stderr + asked.stdout


def stop_real_containers(instance_id: str, engine_file: Path) -> None:
    """Power off for real containers: stopped as the Docker service stops them when the computer shuts down."""
    if chosen(engine_file, os.environ) != "docker":
        return
    client = real_docker()
    if client is None:
        return
    label = f"label={OWNER_LABEL}={instance_id}"
    listed = subprocess.run([client, "ps", "--quiet", "--filter", label], capture_output=True, text=True, check=False)
    if running := listed.stdout.split():
        subprocess.run([client, "stop", "--time", "10", *running], stdout=sys.stderr, check=False)
