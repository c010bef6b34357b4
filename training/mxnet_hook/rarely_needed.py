"""What MXNet imports where it finds it, and hardly ever needs: imported when it is asked for.

scikit-learn, and pandas with it, for the base class of an old estimator (mxnet/model.py); scipy.stats for the
calibration of INT8 nets and for a test of random numbers; scipy.sparse to know SciPy's arrays; and setuptools, since
it puts its own distutils, which imports all of it, in the place of Python's. Together they take longer than all the
rest that MXNet imports.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from threading import get_ident
from types import SimpleNamespace
from typing import Any

NAMES = frozenset({"sklearn", "scipy.stats", "scipy.sparse"})


class Later:
    """A module that is imported when its first name is asked for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._module), name)


class SparseLater(Later):
    """`scipy.sparse`, which MXNet asks of each array it is given whether that is one of SciPy's."""

    def __init__(self) -> None:
        super().__init__("scipy.sparse")

    @property
    def csr(self) -> Any:
        """Nothing is an instance of an empty tuple, and nobody has such an array who has not imported the module."""
        return getattr(sys.modules.get(self._module), "csr", SimpleNamespace(csr_matrix=()))


class NotYet:
    """A finder for which they are not installed, as far as the thread that made it asks."""

    def __init__(self) -> None:
        self.thread = get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name in NAMES and get_ident() == self.thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def left_for_later() -> Iterator[None]:
    """MXNet, imported meanwhile, does without. What is imported already stays in its sight."""
    not_yet = NotYet()
    sys.meta_path.insert(0, not_yet)
    try:
        with _pythons_own_distutils():
            yield
    finally:
        sys.meta_path.remove(not_yet)


@contextmanager
def _pythons_own_distutils() -> Iterator[None]:
    """Where there is one, until Python 3.12. It is forgotten afterwards: whoever else imports distutils gets that of
    setuptools, as ever. https://setuptools.pypa.io/en/stable/deprecated/distutils-legacy.html
    """
    hack = sys.modules.get("_distutils_hack")
    if hack is None or not hasattr(hack, "remove_shim") or "distutils" in sys.modules:
        yield
        return
    hack.remove_shim()
    with suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # MXNet's affair
        importlib.import_module("distutils.version")
    hack.add_shim()
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "distutils"]:
            del sys.modules[name]


def offer_later(mxnet: Any) -> None:
    """Put into its modules what they did without, where it is installed."""
    if find_spec("scipy") is None:
        return
    mxnet.contrib.quantization.stats = mxnet.test_utils.ss = Later("scipy.stats")
    mxnet.ndarray.sparse.spsp = mxnet.ndarray.utils.spsp = SparseLater()
