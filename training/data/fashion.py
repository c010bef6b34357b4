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

MD5 = {
    "train-images": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels": "15d484375f8d13e6eb1aabb0c3f46965",
}
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
VALIDATION = 5000


def load(folder: Path, seed: int) -> Data:
    """55,000 / 5,000 / 10,000 images (n, 1, 28, 28) uint8. Raises BadData."""
    files = idx.find([folder / "fashion-mnist", folder / "FashionMNIST" / "raw", DEBIAN])
    if files is None:
        raise BadData(
            f"Fashion-MNIST is neither in {folder / 'fashion-mnist'} nor in {DEBIAN}.",
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
