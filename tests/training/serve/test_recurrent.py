"""The net of windows that share their rows says what the net of whole windows says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from training.data.windows import Windows
from training.serve import recurrent
from training.serve.backends import open_net, open_onnx
from training.serve.onnx_graph import PLACES, SEGMENTS, write_out
from training.serve.recurrent import RecurrentNet, share_rows, share_segments
from training.workdir.model_folder import open_model

LENGTH, CHANNELS, HIDDEN = 7, 3, 5
SIZES = (1, 2, 3, LENGTH, LENGTH + 2)
RANDOM = np.random.RandomState(0)


def weights(size: int) -> list[np.ndarray]:
    """(W, R, B) of a layer that takes *size* rows at a step, as the operator has them."""
    W, R, B = (RANDOM.standard_normal((1, 3 * HIDDEN, width)).astype(np.float32) / 2 for width in (
        size * CHANNELS, HIDDEN, 2))  # fmt: skip
    return [W / size, R, B.reshape(1, -1)]


WEIGHTS = {size: weights(size) for size in SIZES}


def over_segments(size: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The last states (n, hidden) by the layer as it is written out."""
    layer = LAYERS[size]
    return lambda segments, places: layer.run(None, {SEGMENTS: segments, PLACES: places})[0][0, 0]


def layer_alone(size: int) -> onnxruntime.InferenceSession:
    steps = -(-LENGTH // size)
    nodes, known = write_out(*WEIGHTS[size], steps, "states")
    inputs = [
        helper.make_tensor_value_info(SEGMENTS, TensorProto.FLOAT, ["segments", size * CHANNELS]),
        helper.make_tensor_value_info(PLACES, TensorProto.INT64, [steps, "n"]),
    ]
    told = helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, 1, "n", HIDDEN])
    graph = helper.make_graph(nodes, "layer", inputs, [told], known)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


LAYERS = {size: layer_alone(size) for size in SIZES}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_definition(X: np.ndarray, size: int = 1) -> np.ndarray:
    """The last states of windows (n, length, channels), in 64 bits, as https://onnx.ai says it, *size* rows at a step;
    the first row stands for those that the first step lacks.
    """
    w, r, b = (part[0].astype(np.float64) for part in WEIGHTS[size])
    of_segment, of_state = np.split(b, 2)
    h = np.zeros((len(X), HIDDEN))
    whole = np.concatenate([np.repeat(X[:, :1], -X.shape[1] % size, axis=1), X], axis=1)
    for step in np.split(whole, whole.shape[1] // size, axis=1):
        given = step.reshape(len(X), -1) @ w.T + of_segment
        (uz, ur, un), (vz, vr, vn) = (np.split(one, 3, axis=1) for one in (given, h @ r.T + of_state))
        update, reset = sigmoid(uz + vz), sigmoid(ur + vr)
        h = (1 - update) * np.tanh(un + reset * vn) + update * h
    return h


def some_windows(counts: list[int], *, ordered: bool, spaced: int) -> Windows:
    """Of units one after the other, each with *spaced* rows before its own."""
    rows = RANDOM.standard_normal((sum(counts) + spaced * len(counts), CHANNELS)).astype(np.float32)
    begins = np.cumsum([0, *(count + spaced for count in counts)])[:-1]
    ends = np.concatenate([begin + spaced + np.arange(count) for begin, count in zip(begins, counts, strict=True)])
    order = RANDOM.permutation(len(rows)).astype(np.int32) if ordered else None
    return Windows(rows, np.repeat(begins, counts), ends, LENGTH, order)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([0, 1, LENGTH]),
    st.sampled_from(SIZES),
)
def test_what_windows_share_is_computed_once_and_no_state_differs(counts, ordered, spaced, size):
    seen = some_windows(counts, ordered=ordered, spaced=spaced)

    rows, places = share_rows(seen)
    segments, where = share_segments(rows, places, size=size)
    states = over_segments(size)(segments, where)

    assert len(rows) <= len(seen.rows)
    alone = len(counts) * LENGTH * len(where) + len(seen) * (LENGTH % size > 0)  # those with a row that is repeated
    assert ordered or len(segments) <= len(rows) + alone
    assert np.abs(states - by_definition(np.asarray(seen), size)).max() < 1e-6


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 5), st.booleans(), st.sampled_from(SIZES))
def test_few_windows_many_and_windows_that_share_nothing_get_the_same_answers(count, units, shared, size):
    seen = some_windows([count] * units if shared else [1] * count, ordered=False, spaced=LENGTH)

    def whole(X):
        return by_definition(X, size).astype(np.float32)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recurrent, "AT_ONCE", 32)
        patch.setattr(recurrent, "FEW", 4)
        said = RecurrentNet(over_segments(size), whole, size).over(seen)

    assert np.abs(said - whole(np.asarray(seen))).max() < 1e-6


def test_a_trained_net_shares_rows_and_answers_as_it_did(gearboxes: Path):
    net = open_net(gearboxes / "run", "onnx")
    assert isinstance(net, RecurrentNet)
    length, channels = open_model(gearboxes / "run").description.input_shape
    rows = RANDOM.standard_normal((500, channels)).astype(np.float32)
    seen = Windows(rows, np.zeros(480, dtype=np.int64), 20 + np.arange(480), length)

    shared, whole = net.over(seen), net(np.asarray(seen))

    assert np.abs(shared - whole).max() <= 1e-6 * np.abs(whole).max()


def a_graph(folder: Path, *, perm=(1, 0, 2), says: float = 1.0, **attributes) -> Path:
    """A net of one layer, and *says* times the mean of its last state."""
    known = {"hidden_size": HIDDEN, "linear_before_reset": 1, **attributes}
    nodes = [
        helper.make_node("Transpose", ["data"], ["turned"], perm=list(perm)),
        helper.make_node("GRU", ["turned", "W", "R", "B"], ["states", "last"], **known),
        helper.make_node("Gather", ["states", "end"], ["one"], axis=0),
        helper.make_node("Squeeze", ["one", "axis"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[-1], keepdims=1),
        helper.make_node("Mul", ["mean", "factor"], ["told"]),
    ]
    W, R, B = WEIGHTS[1]
    parts = {"W": W, "R": R, "B": B, "factor": np.float32([says])}
    named = [numpy_helper.from_array(one, name) for name, one in parts.items()]
    named += [numpy_helper.from_array(np.array(-1), "end"), numpy_helper.from_array(np.array([0]), "axis")]
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (
        ("data", ["n", LENGTH, CHANNELS]), ("told", None))]  # fmt: skip
    graph = helper.make_graph(nodes, "net", shapes[:1], shapes[1:], named)
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def test_a_graph_of_this_form_shares_rows(tmp_path):
    net, X = open_onnx(a_graph(tmp_path, says=3.0)), RANDOM.standard_normal((40, LENGTH, CHANNELS)).astype(np.float32)

    assert isinstance(net, RecurrentNet)
    assert np.abs(net(X)[:, 0] - 3 * by_definition(X).mean(axis=1)).max() < 1e-5


@pytest.mark.parametrize(
    "otherwise",
    [{"linear_before_reset": 0}, {"direction": "reverse"}, {"activations": ["Tanh", "Tanh"]}, {"clip": 0.1}],
)
def test_another_layer_is_left_to_onnxruntime(tmp_path, otherwise):
    net = open_onnx(a_graph(tmp_path, **otherwise))

    assert not isinstance(net, RecurrentNet)
    assert net(np.zeros((2, LENGTH, CHANNELS), np.float32)).shape == (2, 1)
