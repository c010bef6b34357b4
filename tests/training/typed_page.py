"""A page of docs/, followed as a user would: its TOML saved under the name it gives, its commands typed in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def follow(page: str, folder: Path, *, described_by: str = "") -> Path:
    """Type every command of *page* in *folder*, and return it.

    *described_by*: only TOML that holds this is saved; a page may show other pieces of a description too.
    """
    (folder / "docs").symlink_to(PROJECT / "docs")
    environ = os.environ | {"PYTHONPATH": str(PROJECT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    saved_as = re.search(r"Save this as `(.*?)`", page)
    assert saved_as is not None
    for kind, text in re.findall(r"```(console|toml)\n(.*?)```", page, flags=re.DOTALL):
        if kind == "toml" and described_by in text:
            (folder / saved_as.group(1)).write_text(text)
        for command in re.findall(r"^\$ (.*)", text, flags=re.MULTILINE) if kind == "console" else []:
            done = subprocess.run(["bash", "-c", command], cwd=folder, env=environ, capture_output=True, text=True)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return folder
