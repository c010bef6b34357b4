"""What the training program reads from its environment, in one place. `infra` sets these in the container line."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.errors import BadInput


@dataclass(frozen=True)
class RunEnvironment:
    """Where and for what money a run happens. Empty or zero: unknown."""

    usd_per_hour: float = 0.0
    instance_type: str = ""
    run: str = ""
    git_commit: str = ""
    gpu_required: bool = False
    pretended: bool = False

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> RunEnvironment:
        """Raises BadInput where RIG_USD_PER_HOUR is no price."""
        return cls(
            usd_per_hour=_price(environ.get("RIG_USD_PER_HOUR") or "0"),
            instance_type=environ.get("RIG_INSTANCE_TYPE", ""),
            run=environ.get("RIG_RUN", ""),
            git_commit=environ.get("RIG_GIT_COMMIT", "") or _git_commit(),
            pretended=environ.get("RIG_PRETENDED", "") == "1",
            gpu_required=environ.get("RIG_REQUIRE_GPU", "") == "1",
        )

    def at_home(self, file: Path) -> Path:
        """Where the user finds a *file* of the work folder when it is home: an instance has paths of its own."""
        return Path("runs", self.run, file.name) if self.run else file


def _price(word: str) -> float:
    try:
        price = float(word)
    except ValueError:
        price = math.nan
    if not 0 <= price < math.inf:
        raise BadInput(f"RIG_USD_PER_HOUR={word}: not a price.", "say dollars such as 0.526, or leave it away")
    return price


def data_folder(given: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The one place that decides where data sets lie: key `data`, else $RIG_DATA, else the cache folder."""
    return Path(given or environ.get("RIG_DATA") or "~/.cache/gluon-rig/data").expanduser()


def _git_commit() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    here = Path(__file__).resolve().parent
    line = [git, "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        answer = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
