"""Lesson 9: the same answers from the net, from its files without its code, and from ONNX without MXNet."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from training.compat import mx
from training.lessons.gluon_hints import NO_VALUES
from training.lessons.hint import Check, Hint, KnownError, Lacks, expect, wrong_kind
from training.lessons.probes import Array, array
from training.lessons.script import Script

NOT_HYBRID = Hint(
    "not-hybrid",
    "`make_net` does not give a net that can be hybridized.",
    "Only hybrid Blocks can be turned into a graph; a plain Sequential stays Python.",
    "Look in gluon.nn for the class that is like Sequential and can become a graph.",
)
NET = Hint(
    "net",
    "`make_net` does not give three scores for each row, out of 16 hidden units.",
    "The check sends rows of four numbers through it.",
    "Compare your layers with the task.",
)
NOT_HYBRIDIZED = Hint(
    "not-hybridized",
    "The net was exported before it had become a graph.",
    "export writes down the graph; it comes into being when a hybridized net sees its first batch.",
    "Which two things must happen before `export`? You have the batch X for one of them.",
)
NO_FILES = Hint(
    "no-files",
    "`export` does not leave model-symbol.json and model-0000.params in the folder.",
    "These two are all that another program needs: the graph and the numbers.",
    "`save_parameters` keeps the numbers alone. Look for the method that writes both.",
)
NOT_LOADED = Hint(
    "not-loaded",
    "`load` does not give a net that can be called.",
    "The point is to have the net again without the code that made it.",
    "Look for the Block that is made from a symbol, and at what your function returns.",
)
RANDOM_AGAIN = Hint(
    "random-again",
    "The loaded net says something else than the net that was exported.",
    "The graph without its numbers is an untrained net.",
    "Follow the file with the numbers: where does your function read it?",
)
NO_ONNX = Hint(
    "no-onnx",
    "`to_onnx` does not leave model.onnx in the folder.",
    "One file is what other programs take.",
    "Look up what MXNet's ONNX export wants to be given, and compare it with what you hand over.",
)
NOT_NUMPY = Hint(
    "not-numpy",
    "`predict_without_mxnet` does not give a NumPy array of one row for each row of X.",
    "onnxruntime gives a list of outputs; this net has one.",
    "What do you take out of what `run` gives?",
)
WITH_MXNET = Hint(
    "with-mxnet",
    "`predict_without_mxnet` did not ask onnxruntime.",
    "In the car there is no MXNet: the file and onnxruntime must do.",
    "Which class of onnxruntime opens a model?",
)
OTHER_ANSWERS = Hint(
    "other-answers",
    "ONNX says something else than the net.",
    "Before a model is used elsewhere, both must give the same on the same rows.",
    "Send one row through both, and print what goes in and what comes out.",
)
DOUBLE = Hint(
    "double",
    "The ONNX file refuses X: it wants float32 and got float64.",
    "NumPy computes in 64 bits by itself, nets in 32.",
    "What must be done to X before it is handed over?",
)
ERRORS = (
    KnownError("first call block.hybridize()", NOT_HYBRIDIZED),
    KnownError("forward with this block at least once", NOT_HYBRIDIZED),
    NO_VALUES,
    KnownError("Unexpected input data type", DOUBLE),
)


def _batch(examples: int = 1) -> Any:
    mx.random.seed(4)
    return mx.nd.random.normal(0, 1, shape=(examples, 4))


def _made(script: Script) -> Any:
    net = script.call("make_net")
    expect(isinstance(net, mx.gluon.HybridBlock), NOT_HYBRID)
    return net


def _net(script: Script) -> None:
    net = _made(script)
    scores = array(script, "net(X)", script.ask(net, _batch(5)))
    expect(scores.shape == (5, 3) and any(one.shape[0] == 16 for one in net.collect_params().values()), NET)


def _exported(script: Script, folder: str) -> Array:
    """What the net that was exported into *folder* says of the batch."""
    net, X = _made(script), _batch()
    script.ask(script.value("export"), net, X, folder)
    expect(all((Path(folder) / name).is_file() for name in ("model-symbol.json", "model-0000.params")), NO_FILES)
    said: Array = net(X).asnumpy()
    return said


def _files(script: Script) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = _exported(script, folder)
        loaded = script.call("load", folder)
        expect(callable(loaded), NOT_LOADED)
        expect(
            np.allclose(array(script, "load(folder)(X)", script.ask(loaded, _batch())), wanted, atol=1e-5), RANDOM_AGAIN
        )


def _onnx(script: Script) -> None:
    import onnxruntime

    sessions: list[Any] = []
    real = onnxruntime.InferenceSession

    def opened(*words: Any, **named: Any) -> Any:
        sessions.append(words)
        return real(*words, **named)

    with tempfile.TemporaryDirectory() as folder:
        wanted = _exported(script, folder)
        script.ask(script.value("to_onnx"), folder, (1, 4))
        path = Path(folder) / "model.onnx"
        expect(path.is_file(), NO_ONNX)
        with (
            patch.object(onnxruntime, "InferenceSession", opened),
            patch.dict(script.names, {"InferenceSession": opened} if "InferenceSession" in script.names else {}),
        ):
            found = script.call("predict_without_mxnet", str(path), _batch().asnumpy())
        if isinstance(found, mx.nd.NDArray):
            raise Lacks(wrong_kind("predict_without_mxnet", "a NumPy array", found))
        expect(isinstance(found, np.ndarray) and found.shape == wanted.shape, NOT_NUMPY)
        expect(sessions, WITH_MXNET)
        expect(np.allclose(found, wanted, atol=1e-4), OTHER_ANSWERS)


CHECKS = (
    Check("make_net gives a net that can become a graph", _net),
    Check("export and load bring the same net back, without its code", _files),
    Check("ONNX says the same without MXNet", _onnx),
)
