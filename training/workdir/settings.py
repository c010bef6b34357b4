"""config.json: the job and the settings that a work folder was begun with."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.config import JobConfig
from training.errors import BadInput
from training.workdir.atomic import replace_text
from training.workdir.names import SETTINGS


def write_settings(workdir: Path, job: str, config: JobConfig) -> None:
    """Raises DiskFull."""
    replace_text(workdir / SETTINGS, json.dumps({"job": job, **asdict(config)}, indent=2) + "\n", "the settings")


def read_settings(workdir: Path) -> dict[str, Any]:
    """The settings a work folder was begun with. Empty when there are none. Raises BadInput for a damaged file."""
    path = workdir / SETTINGS
    if not path.exists():
        return {}
    try:
        recorded = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not the settings file of a run ({error}).", "take another --workdir") from error
    if not isinstance(recorded, dict):
        raise BadInput(f"{path} is not the settings file of a run.", "take another --workdir")
    return recorded
