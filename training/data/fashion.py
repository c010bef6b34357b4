"""Fashion-MNIST: 70,000 pictures of clothes, 28x28 bytes (Xiao, Rasul, Vollgraf 2017, MIT licence).

https://github.com/zalandoresearch/fashion-mnist. Looked for in DATA/fashion-mnist as the four idx files, then where
Debian's package dataset-fashion-mnist puts them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data import idx
from training.data.splits import Data, Split, split_off
from training.errors import BadData
from training.mxnet_hook.published import DEBIAN_FASHION_MNIST, FASHION_MNIST

MD5 = FASHION_MNIST.md5
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
VALIDATION = 5000


def load(folder: Path, seed: int) -> Data:
    """55,000 / 5,000 / 10,000 images (n, 1, 28, 28) uint8. Raises BadData."""
    files = idx.find([folder / "fashion-mnist", folder / "FashionMNIST" / "raw", DEBIAN_FASHION_MNIST])
    if files is None:
        raise BadData(
            f"Fashion-MNIST is neither in {folder / 'fashion-mnist'} nor in {DEBIAN_FASHION_MNIST}.",
            "Debian and Ubuntu: apt install dataset-fashion-mnist\n"
            f"or put the four idx files (plain or .gz) into {folder / 'fashion-mnist'};\n"
            "they are at https://github.com/zalandoresearch/fashion-mnist",
        )
    arrays = idx.read_checked(files, MD5)
    train, valid = split_off(_split(arrays, "train"), VALIDATION, seed)
    where = next(iter(files.values())).parent
    checksum = f"md5 {MD5['train-images']}"
    return Data(train, valid, _split(arrays, "t10k"), f"Fashion-MNIST ({where})", checksum, CLASSES)


def _split(arrays: dict[str, idx.Array], part: str) -> Split:
    return Split(arrays[f"{part}-images"][:, None], arrays[f"{part}-labels"].astype(np.int32))
