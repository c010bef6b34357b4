"""What MXNet imports where it finds it, and hardly ever needs: imported when it is asked for.

scikit-learn, and pandas with it, for the base class of an old estimator (mxnet/model.py); scipy.stats for the
calibration of INT8 nets and for a test of random numbers; scipy.sparse to know SciPy's arrays; requests for downloads,
and OpenCV for nothing; and setuptools, since it puts its own distutils, which imports all of it, in the place of
Python's. Together they take longer than all the rest that MXNet imports.
"""

from __future__ import annotations

import gc
import importlib
import sys
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from threading import get_ident
from types import ModuleType, SimpleNamespace
from typing import Any

NAMES = frozenset({"sklearn", "scipy", "scipy.stats", "scipy.sparse"})
"""MXNet does without, and afterwards gets them back where it looks for them."""
STANDING_IN = frozenset({"requests", "cv2"})
"""It holds each by a name of its own, behind which another module can stand. (Not onnx: where it is not imported, what
a program still holds at its end is taken down after MXNet's modules, and each DataLoader with workers prints why it
could not end them.)
"""


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
    """A finder for which *names* are not installed, as far as the thread that made it asks."""

    def __init__(self, names: Collection[str]) -> None:
        self.names, self.thread = names, get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name in self.names and get_ident() == self.thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class StandIn(ModuleType):
    """In the place of a module of its name, which it imports when it is asked for anything."""

    is_made = False

    def __getattr__(self, name: str) -> Any:
        if not self.is_made:  # Python itself looks for some names as it makes a module
            raise AttributeError(name)
        self.step_aside()
        return getattr(importlib.import_module(self.__name__), name)

    def step_aside(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


class StandIns(Loader):
    """A finder, and the loader of what it finds: for one thread, one for each module that is installed."""

    def __init__(self) -> None:
        self.thread = get_ident()
        self.made: list[StandIn] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        wanted = name in STANDING_IN and get_ident() == self.thread
        return ModuleSpec(name, self) if wanted and PathFinder.find_spec(name) else None

    def create_module(self, spec: ModuleSpec) -> StandIn:
        self.made.append(StandIn(spec.name))
        return self.made[-1]

    def exec_module(self, module: ModuleType) -> None:
        self.made[-1].is_made = True

    def step_aside(self) -> None:
        for module in self.made:
            module.step_aside()


@contextmanager
def left_for_later() -> Iterator[None]:
    """MXNet, imported meanwhile, does without. What is imported already stays in its sight."""
    stand_ins = StandIns()
    try:
        with _asked_first(NotYet(NAMES)), _asked_first(stand_ins), _pythons_own_distutils():
            yield
    finally:
        stand_ins.step_aside()


@contextmanager
def without(names: Collection[str]) -> Iterator[None]:
    """What is imported meanwhile finds none of *names*, unless it is imported already."""
    with _asked_first(NotYet(names)):
        yield


@contextmanager
def _asked_first(finder: Any) -> Iterator[None]:
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def no_garbage() -> Iterator[None]:
    """Nobody looks for garbage among half a million new objects that all stay: a tenth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


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
