"""The net for other programs: MXNet's symbol and parameters, and ONNX, checked against the net in onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from training.compat import NDArray, mx
from training.mxnet_hook.onnx_export import offer_old_onnx, stamp
from training.workdir.names import ONNX, SYMBOL, SYMBOL_WEIGHTS

Array = np.ndarray[Any, Any]

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
    with offer_old_onnx():
        mx.onnx.export_model(
            str(workdir / SYMBOL),
            str(workdir / SYMBOL_WEIGHTS),
            in_shapes=[X.shape],
            in_types=[np.float32],
            onnx_file_path=str(path),
            dynamic=True,
            dynamic_input_shapes=[("batch", *X.shape[1:])],
        )
    stamp(str(path))
    difference = max(_difference(block, X[:rows], path) for rows in (len(X), 1))
    return OnnxCheck(difference, _verdict(difference, exact=block(X).dtype == np.float32))


def _verdict(difference: float, *, exact: bool) -> str:
    if not exact:
        return f"model.onnx, in 32 bits, differs by {difference:.1e} from the net, which computes in 16"
    verdict = "agrees" if difference <= TOLERANCE else "DOES NOT AGREE"
    return f"model.onnx {verdict} with the net: largest relative difference {difference:.1e}"


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
