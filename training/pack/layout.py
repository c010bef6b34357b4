"""Where things lie in a packed folder, and how they get there: whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from training.workdir.atomic import flush

FORMAT: Final = 1
INDEX: Final = "pack.json"
"""Written last: a folder that has it is whole."""
SHARDS: Final = "shards"
UNITS: Final = "units.parquet"
UNFINISHED: Final = ".packing"
"""What the passes leave for each other; removed at the end."""
HALF: Final = ".half"


def put(path: Path, write: Callable[[Path], None]) -> None:
    """Let *write* make a file beside *path*, which takes its place when it is whole and on the disk."""
    half = path.with_name(path.name + HALF)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(half)
    flush(half)
    half.replace(path)


def put_json(path: Path, content: Any) -> None:
    def write(half: Path) -> None:
        half.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    put(path, write)


def put_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """As `put`, for a folder of files."""
    half = path.with_name(path.name + HALF)
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    fill(half)
    half.replace(path)
