"""Makes a plain `import mxnet` work in every Python that this package is installed in.

Installed as `gluon_rig_mxnet_hook` in the laptop's .venv and in the training image, with a `.pth` file that Python
reads as it starts (https://docs.python.org/3/library/site.html). It puts one object into `sys.meta_path`; nothing else
is imported before somebody imports MXNet. Then NumPy gets back the names that MXNet misses; MXNet is imported in a
third of the time; its downloads, whose addresses are gone, find the data sets this computer has; and its ONNX export
knows today's `onnx`.
"""

import sys

TYPE_CHECKING = False  # no other import here: every start of Python pays for it
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class BeforeMxnet:
    """A finder that finds nothing itself: it sees that MXNet is wanted, fixes, and lets Python go on.

    It stays until MXNet has been imported: a program may only ask whether there is one.
    """

    looking = False

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "ModuleSpec | None":
        if name != "mxnet" or self.looking:
            return None
        from importlib.util import find_spec

        self.looking = True  # the others are asked now, and we among them
        try:
            spec = find_spec(name)
        finally:
            self.looking = False
        if spec is None or spec.loader is None:
            return None  # MXNet is not here: Python says so
        from .numpy_names import mend_distutils, mend_numpy

        mend_distutils()
        mend_numpy()
        _mend_at_import(spec.loader)
        return spec


def _mend_at_import(loader: "Any") -> None:
    execute = loader.exec_module

    def exec_module(module: "ModuleType") -> None:
        from importlib import import_module

        from .operators import compile_at_first_call
        from .rarely_needed import left_for_later, offer_later

        compile_at_first_call(import_module("mxnet.base"))
        with left_for_later():
            execute(module)
        offer_later(module)
        from .downloads import use_local_data
        from .onnx_export import use_todays_onnx

        use_local_data(module)
        use_todays_onnx(module)

    loader.exec_module = exec_module


def install() -> None:
    if "mxnet" not in sys.modules and not any(type(finder).__name__ == "BeforeMxnet" for finder in sys.meta_path):
        sys.meta_path.insert(0, BeforeMxnet())
