"""Checkpoints: whole or absent, one file each, `checkpoints/step-00001234.ckpt`.

A file is a ZIP archive without compression (each member carries a CRC, and the directory stands at the end, so that a
cut-off file is noticed) with `state.json` (position in the run, losses not yet logged, best score so far) and
`arrays.params` (weights and optimizer state, MXNet's own format). It is written aside, flushed, renamed, and the folder
flushed: after a crash at any moment the newest file is whole. Nothing in it is a pickle: loading a file runs no code.
"""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.compat import NDArray, mx
from training.errors import BadCheckpoint
from training.workdir.atomic import replace_when_whole

FORMAT = "gluon-rig checkpoint 1"
_NAME = re.compile(r"step-(\d{8,})\.ckpt")


def save(folder: Path, step: int, arrays: Mapping[str, NDArray], state: Mapping[str, Any], *, keep: int) -> Path:
    """Write the checkpoint of *step*, arrays of any shape, and delete all but the newest *keep*. Raises DiskFull."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:08d}.ckpt"
    with replace_when_whole(path, "a checkpoint") as aside:
        _write(aside, arrays, {"format": FORMAT, "step": step, **state})
    for old in _all(folder)[:-keep]:
        old.unlink()
    return path


def _write(path: Path, arrays: Mapping[str, NDArray], state: Mapping[str, Any]) -> None:
    arrays_path = path.with_name("arrays.params")
    save_arrays(arrays_path, arrays)
    with path.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("state.json", json.dumps(state))
            archive.write(arrays_path, "arrays.params")
        file.flush()
        os.fsync(file.fileno())


def save_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """mx.nd.save of arrays of any shape, flushed. Raises OSError (ENOSPC).

    On a full disk MXNet's own ends in an MXNetError without a reason, or in a short file, silently.
    """
    try:
        mx.nd.save(str(path), dict(arrays))
    except mx.base.MXNetError as error:
        if "Write incomplete" not in str(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    if path.stat().st_size < _file_size(arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _file_size(arrays: Mapping[str, NDArray]) -> int:
    """Bytes of a whole file of dense arrays.

    Layout: `NDArray::Save` in https://github.com/apache/mxnet/blob/1.9.1/src/ndarray/ndarray.cc
    """
    head, of_names = 24, 8
    each = (24 + 8 * a.ndim + a.size * a.dtype(0).itemsize + 8 + len(name.encode()) for name, a in arrays.items())
    return head + of_names + int(sum(each))


def replace_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write *arrays*, of any shape, to *path*, whole or not at all. Raises DiskFull."""
    with replace_when_whole(path, "the weights") as aside:
        save_arrays(aside, arrays)


def step_of(path: Path | None) -> int:
    """The step at which *path* was written; -1 for none."""
    named = _NAME.fullmatch(path.name) if path else None
    return int(named[1]) if named else -1


def newest(folder: Path) -> Path | None:
    found = _all(folder)
    return found[-1] if found else None


def _all(folder: Path) -> list[Path]:
    """Checkpoints, oldest first."""
    numbered = [(int(m.group(1)), path) for path in folder.glob("*.ckpt") if (m := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(numbered)]


def load(path: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Return arrays (on the CPU, in the shapes that were saved) and state.

    Raises BadCheckpoint for a file that is damaged or is not ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            if broken:
                raise zipfile.BadZipFile(f"{broken} does not match its checksum")
            state = json.loads(archive.read("state.json"))
            with tempfile.TemporaryDirectory() as aside:
                arrays = mx.nd.load(archive.extract("arrays.params", aside))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, mx.base.MXNetError) as error:
        raise _unusable(path, f"is damaged or is not a checkpoint ({error})") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise _unusable(path, f"is of another program or version (it says {state.get('format')!r}, not {FORMAT!r})")
    return arrays, state


def _unusable(path: Path, why: str) -> BadCheckpoint:
    before = [other.name for other in _all(path.parent) if other != path]
    back = f"delete it to go on from {before[-1]}" if before else "delete it to begin anew"
    return BadCheckpoint(f"{path} {why}. It was left as it is.", back + "\nor take another --workdir")
