"""Where one project's rehearsal cloud keeps its things, and how its processes are known."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CLOUD_MARK: Final = "RIG_REHEARSAL_CLOUD"  # on every process of every instance; its value is the state folder
IN_CONTAINER: Final = "RIG_IN_CONTAINER"  # "1" in a container: its supervisor, not the power button, sends SIGTERM
INSTANCE_MARK: Final = "RIG_INSTANCE_ID"  # on every process of one instance


@dataclass(frozen=True)
class Place:
    """The state folder of the rehearsal cloud of *project*."""

    project: Path

    @property
    def folder(self) -> Path:
        return self.project.resolve() / ".rig" / "rehearsal"

    @property
    def cloud_file(self) -> Path:
        """Says who runs and where; absent when nothing runs, stale when the process was killed."""
        return self.folder / "cloud.json"

    @property
    def lock_file(self) -> Path:
        return self.folder / "lock"

    @property
    def log(self) -> Path:
        return self.folder / "cloud.log"

    @property
    def calls(self) -> Path:
        """One JSON row per AWS call, in the order in which they were answered."""
        return self.folder / "calls.jsonl"

    @property
    def instances(self) -> Path:
        return self.folder / "instances"

    @property
    def images(self) -> Path:
        """Disks of images that were made of instances."""
        return self.folder / "images"

    @property
    def engine_file(self) -> Path:
        """auto, docker or process: how containers are run on the instances."""
        return self.folder / "engine"

    @property
    def mark(self) -> str:
        """The environment entry that every process of this cloud's instances carries."""
        return f"{CLOUD_MARK}={self.folder}"


def write_whole(path: Path, text: str) -> None:
    """Write so that a reader sees the old file or the new one, never half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None
