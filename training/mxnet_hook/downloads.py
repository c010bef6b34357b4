"""MXNet's own downloads of MNIST, Fashion-MNIST and CIFAR-10, answered with what this computer has.

Their addresses are gone, and a machine may have no way to the internet. What is put in the place of a download is the
published content, by its published checksum; a packed file may be packed anew. With nothing here, MXNet tries its
address as ever.
"""

from __future__ import annotations

import functools
import gzip
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import cifar10
from .published import FASHION_MNIST, MNIST, PARTS, data_folder, read

_PACKED = re.compile(r"((?:train|t10k)-(?:images|labels))-idx\d-ubyte\.gz")


def use_local_data(mxnet: Any) -> None:
    """Let `gluon.data.vision`'s data sets and `test_utils.get_mnist` and its kin look here first."""
    from mxnet.gluon.data.vision import datasets

    datasets.download = _here_first(datasets.download, _gluon_target)
    mxnet.test_utils.download = _here_first(mxnet.test_utils.download, _test_utils_target)


def _here_first(download: Callable[..., Any], target_of: Callable[..., Path]) -> Callable[..., Any]:
    @functools.wraps(download)
    def here_first(url: str, *words: Any, **named: Any) -> Any:
        target = target_of(url, *words, **named)
        return str(target) if provide(url, target) else download(url, *words, **named)

    return here_first


def _gluon_target(url: str, path: str | None = None, *_: Any, **__: Any) -> Path:
    target = Path(path or ".").expanduser()
    return target / _name(url) if target.is_dir() else target


def _test_utils_target(url: str, fname: str | None = None, dirname: str | None = None, *_: Any, **__: Any) -> Path:
    return Path(dirname or ".") / (fname or _name(url))


def _name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def provide(url: str, target: Path) -> bool:
    """Put the file of *url* at *target*, unless it is there; False when this computer does not have it."""
    if packed := _PACKED.fullmatch(_name(url)):
        return _provide_idx(url, packed[1], target)
    if _name(url) == "mnist.zip":
        return _provide_zip(target)
    if _name(url) == "cifar-10-binary.tar.gz":
        return _provide_cifar10(target)
    return False


def _provide_idx(url: str, part: str, target: Path) -> bool:
    images = FASHION_MNIST if "fashion" in url else MNIST
    if images.holds(part, read(target)):
        return True
    content = images.file(part)
    if content is None:
        return False
    _write_whole(target, gzip.compress(content, compresslevel=1, mtime=0))
    return True


def _provide_zip(target: Path) -> bool:
    """The archive that test_utils.get_mnist_ubyte unpacks into ./data."""
    found = {f"{part}-idx{3 if 'images' in part else 1}-ubyte": MNIST.file(part) for part in PARTS}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in found.items():
            if content is None:
                return False
            archive.writestr(name, content)
    _write_whole(target, packed.getvalue())
    return True


def _provide_cifar10(target: Path) -> bool:
    """MXNet unpacks the archive, and checks the six files in it by their SHA-1 at the next use."""
    place = cifar10.find(data_folder())
    if place is None:
        return False
    try:
        files = {f"{name}.bin": cifar10.binary(place, name) for name in (*cifar10.TRAIN, *cifar10.TEST)}
    except (OSError, ValueError, TypeError, SyntaxError):  # a part is missing or broken: as if it were not here
        return False
    for name, content in files.items():
        _write_whole(target.with_name(name), content)
    # The files are in their places: what is left to unpack is an archive of nothing.
    nothing = io.BytesIO()
    tarfile.open(fileobj=nothing, mode="w").close()
    _write_whole(target, nothing.getvalue())
    return True


def _write_whole(path: Path, content: bytes) -> None:
    """Aside, then renamed: two runs may begin with the same empty folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}-{os.getpid()}.part")
    aside.write_bytes(content)
    aside.replace(path)
