"""The programs of the learner's path: the lessons, and a notebook here.

The lessons are of the other half: `python -m training.lessons` does the work, and its exit code is ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from infra.console import tell
from infra.errors import MissingProgram
from infra.kit_files import ROOT

FOLDER = Path("lessons")
_OPEN_SCRIPTS_AS_NOTEBOOKS = {"defaultViewers": {"python": "Jupytext Notebook"}}


def run_lessons(*words: str) -> int:
    """Here, where the person is: what it prints names files as one would type them."""
    behind = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": str(ROOT) + (os.pathsep + behind if behind else "")}
    line = [sys.executable, "-m", "training.lessons", "--folder", str(FOLDER.resolve()), *words]
    return subprocess.run(line, env=environment).returncode


def open_notebook() -> int:
    """JupyterLab on this computer, over lessons/: Jupytext opens the scripts as notebooks and saves them as scripts."""
    if find_spec("jupyterlab") is None or find_spec("jupytext") is None:
        raise MissingProgram(
            "JupyterLab and Jupytext are not installed here.",
            f"make extra-notebook, or {sys.executable} -m pip install jupyterlab jupytext",
        )
    FOLDER.mkdir(exist_ok=True)
    tell("Scripts open as notebooks, and stay scripts. Ctrl-C, twice, ends Jupyter.")
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    viewers = f"--LabApp.user_settings_dir={_jupyter_settings()}"
    line = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--notebook-dir={FOLDER.resolve()}", viewers, *root]
    try:
        return subprocess.run(line).returncode
    except KeyboardInterrupt:  # Jupyter hears it too
        return 0


def _jupyter_settings() -> Path:
    """A settings folder of our own: what a person has set for other projects stays as it is."""
    folder = Path(".rig", "jupyter").resolve()
    path = folder / "@jupyterlab" / "docmanager-extension" / "plugin.jupyterlab-settings"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_OPEN_SCRIPTS_AS_NOTEBOOKS), encoding="utf-8")
    return folder
