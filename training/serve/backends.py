"""The finished net of a run as a function, by ONNX Runtime or by MXNet, which is imported only when asked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from training.errors import BadInput
from training.serve.onnx_graph import share_rows_in
from training.serve.recurrent import Array, Net
from training.workdir.model_folder import find_model
from training.workdir.names import ONNX, SYMBOL, SYMBOL_WEIGHTS

ENGINES = ("auto", "onnx", "mxnet")


def open_net(run: Path, engine: str) -> Net:
    """Raises BadInput where the file or the package that *engine* needs is missing. "auto" prefers ONNX: it starts in a
    tenth of the time and needs no MXNet on the machine that serves.
    """
    path = (find_model(run) or run) / ONNX
    onnx_there = path.is_file() and find_spec("onnxruntime") is not None
    if engine == "onnx" or (engine == "auto" and onnx_there):
        return open_onnx(path)
    return _mxnet(run)


def open_onnx(path: Path) -> Net:
    """*path* as a function on one core. Raises BadInput where it is damaged, or onnxruntime is not installed."""
    if not path.is_file():
        raise BadInput(f"{path} is not there", "take --engine mxnet, or train again with the package onnx installed")
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise BadInput("onnxruntime is not installed", "pip install onnxruntime, or take --engine mxnet") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # serving shares its machine with others; the net is too small to gain from more

    def open_session(model: str | bytes) -> Any:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    # Its errors have nothing in common but Exception.
    with _damage_named(path, Exception, hint="--engine mxnet takes the run's other files"):
        session = open_session(str(path))
    given = session.get_inputs()[0]

    def net(X: Array) -> Array:
        return np.asarray(session.run(None, {given.name: X})[0])

    # Windows have three axes (n, length, channels), and only a net of those may be worth it.
    apart = len(given.shape) == 3 and find_spec("onnx") is not None
    return (share_rows_in(path, net, session=open_session) if apart else None) or net


@contextmanager
def _damage_named(path: Path, *errors: type[Exception], hint: str) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise BadInput(f"{path} is damaged or cut short", f"pull or copy the run again\n{hint}") from error


def _mxnet(run: Path) -> Net:
    symbol, weights = run / SYMBOL, run / SYMBOL_WEIGHTS
    for path in (symbol, weights):
        if not path.is_file():
            raise BadInput(f"{path} is not there", "is this the folder of a finished run?")
    if find_spec("mxnet") is None:
        raise BadInput("mxnet is not installed", "take --engine onnx: it needs onnxruntime only")
    from training.compat import mx

    errors = (mx.MXNetError, ValueError, AssertionError)
    with _damage_named(symbol, *errors, hint="--engine onnx takes the run's model.onnx"):
        mx.sym.load(str(symbol))
    with _damage_named(weights, *errors, hint="--engine onnx takes the run's model.onnx"), warnings.catch_warnings():
        # It warns that it cannot tell the type of the input; the first batch tells it.
        warnings.simplefilter("ignore", UserWarning)
        block = mx.gluon.SymbolBlock.imports(str(symbol), ["data"], str(weights))

    def net(X: Array) -> Array:
        return np.asarray(block(mx.nd.array(X)).asnumpy())

    return net
