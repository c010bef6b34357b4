"""Which engine runs the containers: Docker where there is one and it is wanted, else plain processes.

`docker` on an instance asks this each time: what only a real engine needs is imported where it is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CHOICE: Final = "RIG_REHEARSAL_ENGINE"
OWNER_LABEL: Final = "rig-rehearsal.instance"  # real containers do not carry our environment mark, so they get labels
CLOUD_LABEL: Final = "rig-rehearsal.cloud"


def chosen(engine_file: Path, environ: Mapping[str, str]) -> str:
    """docker or process. Asks the engine below the first time, if nobody has said which."""
    engine = known(engine_file, environ)
    if not engine:
        # Asked once in the life of a cloud: asking costs a tenth of a second each time.
        engine = "docker" if _answers() else "process"
        found_file(engine_file).write_text(engine)
    return engine


def known(engine_file: Path, environ: Mapping[str, str]) -> str:
    """docker, process, or empty as long as no container was asked for. The file wins over the environment."""
    wish = engine_file.read_text().strip() if engine_file.exists() else environ.get(CHOICE, "auto")
    found = found_file(engine_file)
    return wish if wish != "auto" else found.read_text() if found.exists() else ""


def found_file(engine_file: Path) -> Path:
    """What "auto" came to."""
    return engine_file.with_name("engine-found")


def real_docker() -> str | None:
    """The Docker client of the computer below, past the shim that stands first on an instance's PATH."""
    import shutil

    shims = str(Path(os.environ["RIG_ROOT"]).parent / "bin") if "RIG_ROOT" in os.environ else ""
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder != shims]
    return shutil.which("docker", path=os.pathsep.join(folders))


def _answers() -> bool:
    client = real_docker()
    if client is None:
        return False
    import subprocess

    try:
        asked = subprocess.run([client, "info"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    # `docker info` exits 0 with some clients even when the daemon does not answer; then it says so on stderr.
    return asked.returncode == 0 and b"Cannot connect" not in asked.stderr + asked.stdout


class RealContainers:
    """Those of the engine below that carry *label*. Every verb does nothing where containers are processes."""

    def __init__(self, label: str, engine_file: Path) -> None:
        self._label = label
        self._engine_file = engine_file

    def running(self) -> list[str]:
        return self._list("ps", "--quiet")

    def stop(self) -> None:
        """As the Docker service stops them when the computer shuts down."""
        self._on(self.running(), "stop", "--time", "10")

    def pause(self) -> None:
        self._on(self.running(), "pause")

    def unpause(self) -> None:
        self._on(self._list("ps", "--quiet", "--filter", "status=paused"), "unpause")

    def remove(self) -> None:
        self._on(self._list("ps", "--quiet", "--all"), "rm", "--force")

    def _list(self, *words: str) -> list[str]:
        client = real_docker() if known(self._engine_file, os.environ) == "docker" else None
        if client is None:
            return []
        import subprocess

        line = [client, *words, "--filter", f"label={self._label}"]
        return subprocess.run(line, capture_output=True, text=True, check=False).stdout.split()

    def _on(self, containers: list[str], *words: str) -> None:
        if containers:
            import subprocess

            subprocess.run([real_docker() or "docker", *words, *containers], stdout=sys.stderr, check=False)


def of_instance(instance_id: str, engine_file: Path) -> RealContainers:
    return RealContainers(f"{OWNER_LABEL}={instance_id}", engine_file)


def of_cloud(engine_file: Path) -> RealContainers:
    return RealContainers(f"{CLOUD_LABEL}={engine_file.parent}", engine_file)
