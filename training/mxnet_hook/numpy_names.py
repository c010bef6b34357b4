"""The names that MXNet 1.9.1 and scripts of its day use and newer NumPy and Python took away.

https://numpy.org/devdocs/numpy_2_0_migration_guide.html, and for the aliases of Python's own types
https://numpy.org/doc/stable/release/1.20.0-notes.html (deprecated there, gone in 1.24).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

_PYTHON_TYPES = {"bool": bool, "int": int, "float": float, "complex": complex, "object": object, "str": str}
_CONSTANTS = {
    "PINF": float("inf"),
    "NINF": float("-inf"),
    "NaN": float("nan"),
    "NAN": float("nan"),
    "Inf": float("inf"),
    "Infinity": float("inf"),
    "infty": float("inf"),
    "PZERO": 0.0,
    "NZERO": -0.0,
}
_RENAMED = {
    "alltrue": "all",
    "sometrue": "any",
    "product": "prod",
    "cumproduct": "cumprod",
    "round_": "round",
    "in1d": "isin",
    "row_stack": "vstack",
    "trapz": "trapezoid",
    "float_": "float64",
    "complex_": "complex128",
    "cfloat": "complex128",
    "string_": "bytes_",
    "unicode_": "str_",
    "unicode": "str_",
}
_FINANCE = ("mirr", "npv", "pmt", "ppmt", "pv", "rate")


def mend_numpy(numpy: Any = None) -> None:
    """Give NumPy back the names it lost. Names that exist are left alone."""
    if numpy is None:
        import numpy
    for name, value in (_PYTHON_TYPES | _CONSTANTS).items():
        _restore(numpy, name, partial(_constant, value))
    for name, now in _RENAMED.items():
        _restore(numpy, name, partial(getattr, numpy, now))
    _restore(numpy, "msort", lambda: lambda a: numpy.sort(a, axis=0))
    _restore(numpy, "asscalar", lambda: lambda a: a.item())
    _restore(numpy, "asfarray", lambda: lambda a, dtype=numpy.float64: numpy.asarray(a, dtype))
    for name in _FINANCE:
        _restore(numpy, name, partial(_gone, name))


def _constant(value: Any) -> Any:
    return value


def _restore(numpy: Any, name: str, find: Callable[[], Any]) -> None:
    if name not in numpy.__dict__:  # not hasattr: NumPy answers for some lost names with a warning or an error
        setattr(numpy, name, find())


def _gone(name: str) -> Callable[..., Any]:
    def missing(*_: Any, **__: Any) -> Any:
        raise AttributeError(f"numpy.{name} was removed in NumPy 1.20; see the numpy-financial package")

    return missing


def mend_distutils() -> None:
    """Python 3.12 dropped distutils, which MXNet imports; setuptools brings it along."""
    if sys.version_info >= (3, 12) and find_spec("distutils") is None:
        import setuptools  # noqa: F401  importing it installs the substitute
