"""The net for other programs: MXNet's symbol and parameters, and ONNX, checked against the net in onnxruntime.

MXNet 1.9.1 writes ONNX of opset 13 and was made for the `onnx` package of its day. With today's package it needs a
table that was removed (type to tensor type), and the opset it speaks named instead of the newest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from training.compat import NDArray, mx
from training.workdir.names import ONNX, SYMBOL, SYMBOL_WEIGHTS

Array = np.ndarray[Any, Any]

OPSET = 13
IR_VERSION = 7  # the version that belongs to opset 13: https://onnx.ai/onnx/repo-docs/Versioning.html
TOLERANCE = 1e-4


@dataclass(frozen=True)
class OnnxCheck:
    """*difference* is the largest one between net and onnxruntime, relative to the largest output; None: not made."""

    difference: float | None
    message: str


def export_symbol(block: mx.gluon.HybridBlock, X: NDArray, workdir: Path) -> Path:
    """Write model-symbol.json and model-0000.params; *X* (n, ...) is a batch as the net takes it."""
    block.hybridize(static_alloc=True, static_shape=True)
    block(X)
    block.export(str(workdir / SYMBOL.removesuffix("-symbol.json")), epoch=0)
    return workdir / SYMBOL


def export_onnx(block: mx.gluon.HybridBlock, X: NDArray, workdir: Path) -> OnnxCheck:
    """Write model.onnx from what `export_symbol` wrote, and compare both on *X*, shape (n, ...).

    Says what is missing instead.
    """
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        return OnnxCheck(None, f"no ONNX file: the package {' and '.join(missing)} is not installed")
    path = workdir / ONNX
    with _offer_old_onnx():
        mx.onnx.export_model(
            str(workdir / SYMBOL),
            str(workdir / SYMBOL_WEIGHTS),
            in_shapes=[X.shape],
            in_types=[np.float32],
            onnx_file_path=str(path),
            dynamic=True,
            dynamic_input_shapes=[("batch", *X.shape[1:])],
        )
    _stamp(path)
    difference = max(_difference(block, X[:rows], path) for rows in (len(X), 1))
    return OnnxCheck(difference, _verdict(difference, exact=block(X).dtype == np.float32))


def _verdict(difference: float, *, exact: bool) -> str:
    if not exact:
        return f"model.onnx, in 32 bits, differs by {difference:.1e} from the net, which computes in 16"
    verdict = "agrees" if difference <= TOLERANCE else "DOES NOT AGREE"
    return f"model.onnx {verdict} with the net: largest relative difference {difference:.1e}"


@contextmanager
def _offer_old_onnx() -> Iterator[None]:
    """Make today's `onnx` look like the one MXNet 1.9.1 was written for, while it exports."""
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


def _stamp(path: Path) -> None:
    """State the versions the file is really in, and take the weights out of its inputs, where MXNet lists them too."""
    import onnx

    model = onnx.load(str(path))
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = IR_VERSION
    del model.opset_import[:]
    model.opset_import.add(version=OPSET)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _difference(block: mx.gluon.HybridBlock, X: NDArray, path: Path) -> float:
    ours: Array = block(X).astype("float32").asnumpy()
    theirs = run_onnx(path, X.asnumpy())
    return float(np.abs(ours - theirs).max() / max(float(np.abs(ours).max()), 1e-12))


def run_onnx(path: Path, X: Array) -> Array:
    """The outputs (n, ...) of the ONNX file for a batch *X* (n, ...) of float32, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [output] = session.run(None, {session.get_inputs()[0].name: X})
    return np.asarray(output)
