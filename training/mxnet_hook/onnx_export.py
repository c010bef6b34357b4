"""MXNet's ONNX export with today's `onnx` package.

MXNet 1.9.1 writes ONNX of opset 13 and was made for the `onnx` of its day. Today's lacks a table (type to tensor type),
and takes its own newest opset for granted; with the table back and the opset named, the export works.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

OPSET = 13
IR_VERSION = 7  # the version that belongs to opset 13: https://onnx.ai/onnx/repo-docs/Versioning.html


def use_todays_onnx(mxnet: Any) -> None:
    """Let `mx.onnx.export_model` write a file that is in the version it says it is in."""
    export = mxnet.onnx.export_model

    @functools.wraps(export)
    def export_model(*words: Any, **named: Any) -> Any:
        if find_spec("onnx") is None:
            return export(*words, **named)  # MXNet says what is missing
        with offer_old_onnx():
            path = export(*words, **named)
        stamp(str(path))
        return path

    mxnet.onnx.export_model = export_model


@contextmanager
def offer_old_onnx() -> Iterator[None]:
    """Make today's `onnx` look like the one MXNet 1.9.1 was written for, while it exports."""
    from unittest.mock import patch  # it loads much, and few programs come here

    import onnx
    from onnx import checker, defs, helper

    mapping = ModuleType("onnx.mapping")
    types = [np.dtype(name) for name in ("float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool")]
    mapping.NP_TYPE_TO_TENSOR_TYPE = {t: helper.np_dtype_to_tensor_dtype(t) for t in types}  # type: ignore[attr-defined]
    mapping.TENSOR_TYPE_TO_NP_TYPE = {v: k for k, v in mapping.NP_TYPE_TO_TENSOR_TYPE.items()}  # type: ignore[attr-defined]
    modules = {"onnx.mapping": mapping}
    with (
        patch.dict("sys.modules", modules),
        patch.object(onnx, "mapping", mapping, create=True),
        patch.object(defs, "onnx_opset_version", lambda: OPSET),
        _set_checker(checker.DEFAULT_CONTEXT),
    ):
        yield


@contextmanager
def _set_checker(context: Any) -> Iterator[None]:
    before = context.ir_version, context.opset_imports
    context.ir_version, context.opset_imports = IR_VERSION, {"": OPSET}
    try:
        yield
    finally:
        context.ir_version, context.opset_imports = before


def stamp(path: str) -> None:
    """State the versions the file is really in, and take the weights out of its inputs, where MXNet lists them too."""
    import onnx

    model = onnx.load(path)
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = IR_VERSION
    del model.opset_import[:]
    model.opset_import.add(version=OPSET)
    onnx.checker.check_model(model)
    onnx.save(model, path)
