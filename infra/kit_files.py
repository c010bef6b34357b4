"""Where the kit's own files lie: Dockerfile, requirements/, training/ and docs/examples/, laid out as in a clone."""

from pathlib import Path
from typing import Final


def root_beside(packages: Path) -> Path:
    """A clone itself; of an installed rig the folder that its wheel brought along (see pyproject.toml)."""
    installed = packages / "gluon_rig_kit"
    return packages if (packages / "Dockerfile").is_file() or not installed.is_dir() else installed


ROOT: Final = root_beside(Path(__file__).resolve().parents[1])
