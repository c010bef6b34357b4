"""Makes a plain `import mxnet` work in every Python that this package is installed in.

Installed as `gluon_rig_mxnet_hook` in the laptop's .venv and in the training image, with a `.pth` file that Python
reads as it starts (https://docs.python.org/3/library/site.html). It puts one object into `sys.meta_path`; nothing else
is imported before somebody imports MXNet. Then NumPy gets back the names that MXNet misses; MXNet is imported in a
third of the time; its downloads, whose addresses are gone, find the data sets this computer has; and its ONNX export
knows today's `onnx`. In a run that nobody watches, pyplot's windows and tqdm's widgets need no screen.
"""

import sys

TYPE_CHECKING = False  # no other import here: every start of Python pays for it
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class BeforeMxnet:
    """A finder that finds nothing itself: it sees that MXNet is wanted, or what opens windows, fixes, and lets Python
    go on.

    It stays until MXNet has been imported: a program may only ask whether there is one.
    """

    looking = False

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "ModuleSpec | None":
        if name not in _FIXES or self.looking:
            return None
        from importlib.util import find_spec

        self.looking = True  # the others are asked now, and we among them
        try:
            spec = find_spec(name)
        finally:
            self.looking = False
        if spec is not None and spec.loader is not None:  # else it is not here, and Python says so
            _FIXES[name](spec.loader)
        return spec


def _fix_mxnet(loader: "Any") -> None:
    from .numpy_names import mend_distutils, mend_numpy

    mend_distutils()
    mend_numpy()
    execute = loader.exec_module

    def exec_module(module: "ModuleType") -> None:
        from importlib import import_module

        from .operators import compile_at_first_call
        from .rarely_needed import left_for_later, no_garbage, offer_later

        with no_garbage():
            compile_at_first_call(import_module("mxnet.base"))
            with left_for_later():
                execute(module)
        offer_later(module)

        from .downloads import use_local_data
        from .onnx_export import use_todays_onnx

        use_local_data(module)
        use_todays_onnx(module)

    loader.exec_module = exec_module


def _fix_pyplot(loader: "Any") -> None:
    from .no_screen import draw_into_files, nobody_looks

    if nobody_looks():
        _after(loader, draw_into_files)


def _fix_progress(loader: "Any") -> None:
    from .no_screen import nobody_looks, print_progress

    if nobody_looks():
        _after(loader, print_progress)


_FIXES = {"mxnet": _fix_mxnet, "matplotlib.pyplot": _fix_pyplot, "tqdm.notebook": _fix_progress}


def _after(loader: "Any", fix: "Callable[[ModuleType], None]") -> None:
    """Have *fix* done with the module that *loader* is about to load."""
    execute = loader.exec_module

    def exec_module(module: "ModuleType") -> None:
        execute(module)
        fix(module)

    loader.exec_module = exec_module


def install() -> None:
    if "mxnet" not in sys.modules and not any(type(finder).__name__ == "BeforeMxnet" for finder in sys.meta_path):
        sys.meta_path.insert(0, BeforeMxnet())
