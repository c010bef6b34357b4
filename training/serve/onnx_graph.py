"""An ONNX file whose recurrent layer is written out, step by step, over segments that its windows share.

A row, or the few rows that the layer takes at a step, stands in many windows, and what the layer makes of it before any
state comes in is the same in all of them: here it is computed once. That is half as much again as onnxruntime's own
layer does in the same time, which takes whole windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.serve.recurrent import Array, Net, Places, RecurrentNet, share_segments

CLOSE: Final = 1e-5
"""Relative to the largest output: more than 32 bits lose on the way, less than anything that is wrong would make."""

KNOWN: Final = {"hidden_size", "linear_before_reset"}
"""What a layer may say of itself; anything else, like a direction, is another layer."""

BEFORE: Final = {"Concat", "Constant", "Identity", "Reshape", "Slice", "Transpose"}
"""What may stand between the windows and the layer: rows are put in order, and nothing is computed of them."""

SEGMENTS: Final = "shared segments"
PLACES: Final = "shared places"
STATE_SHAPE: Final = "shared state shape"


def share_rows_in(path: Path, whole: Net, *, session: Any) -> RecurrentNet | None:
    """The net of *path*, which *whole* computes on windows (n, length, channels), so that windows share their rows;
    *session* makes one of onnxruntime. None where it is another kind of net, or does not come to the same.

    Needs the package onnx.
    """
    import onnx

    model = onnx.load(str(path))
    layers = [node for node in model.graph.node if node.op_type == "GRU"]
    if len(layers) != 1 or not _is_known(model, layers[0]):
        return None
    length, channels = (one.dim_value for one in model.graph.input[0].type.tensor_type.shape.dim[1:])
    probe = np.random.RandomState(0).standard_normal((3, length, channels)).astype(np.float32)
    weights = session(_ending_in(model, layers[0].input[1:4]).SerializeToString())
    W, R, B = weights.run(None, {model.graph.input[0].name: probe})
    segment, rest = divmod(W.shape[-1], channels)
    if rest:
        return None
    layer = write_out(W, R, B, -(-length // segment), layers[0].output[0])
    over = session(_together(model, layers[0], layer).SerializeToString())

    def net_over(segments: Array, places: Places) -> Array:
        return np.asarray(over.run(None, {SEGMENTS: segments, PLACES: places})[0])

    net = RecurrentNet(net_over, whole, segment)
    return net if _agree(net, probe) else None


def write_out(W: Array, R: Array, B: Array, steps: int, states: str) -> tuple[list[Any], list[Any]]:
    """(nodes, weights) of a GRU that reads forward, in the form in which the reset comes after the product: from
    SEGMENTS (segments, values), and PLACES (steps, n) that say which of them each window has at each step, to the last
    state (1, 1, n, hidden), called *states*. W (1, 3 hidden, values), R (1, 3 hidden, hidden), B (1, 6 hidden) are the
    operator's (`linear_before_reset` of https://onnx.ai/onnx/operators/onnx__GRU.html; Cho and others, EMNLP 2014).
    """
    from onnx.helper import make_node
    from onnx.numpy_helper import from_array

    hidden = R.shape[-1]
    of_segment, of_state = (np.split(half, 3) for half in np.split(B[0], 2))
    gates = ("update", "reset", "new")
    known: dict[str, NDArray[Any]] = {
        **{f"{gate} from segment": one.T for gate, one in zip(gates, np.split(W[0], 3), strict=True)},
        **{f"{gate} from state": one.T for gate, one in zip(gates, np.split(R[0], 3), strict=True)},
        "update segment bias": of_segment[0] + of_state[0],
        "reset segment bias": of_segment[1] + of_state[1],
        "new segment bias": of_segment[2],
        "new state bias": of_state[2],
        STATE_SHAPE: np.array([1, 1, -1, hidden]),
        **{f"step {step}": np.array(step) for step in range(steps)},
    }
    nodes = [
        make_node("Gemm", [SEGMENTS, f"{gate} from segment", f"{gate} segment bias"], [f"{gate} of segments"])
        for gate in gates
    ]
    state = ""
    for step in range(steps):
        nodes += [make_node(*words) for words in _step(step, state, gates)]
        state = f"state {step}"
    nodes.append(make_node("Reshape", [state, STATE_SHAPE], [states]))
    return nodes, [from_array(np.array(one, order="C"), name) for name, one in known.items()]


def _step(step: int, state: str, gates: Sequence[str]) -> list[tuple[str, list[str], list[str]]]:
    """(operator, inputs, outputs) of one step. Without a *state*, which is then 0, half of it falls away."""
    update, reset, new, fresh, after = (f"{what} {step}" for what in (*gates, "fresh", "state"))
    here = f"places {step}"
    words = [("Gather", [PLACES, f"step {step}"], [here])]
    words += [("Gather", [f"{gate} of segments", here], [f"{gate} segment {step}"]) for gate in gates]
    for gate in gates[:2]:
        from_state = ("Gemm", [state, f"{gate} from state", f"{gate} segment {step}"], [f"{gate} sum {step}"])
        words += [from_state] if state else []
        words.append(("Sigmoid", [f"{gate} {'sum' if state else 'segment'} {step}"], [f"{gate} {step}"]))
    words += [("Gemm", [state, "new from state", "new state bias"], [new])] if state else []
    words += [
        ("Mul", [new if state else "new state bias", reset], [f"{new} reset"]),
        ("Add", [f"{new} reset", f"new segment {step}"], [f"{new} sum"]),
        ("Tanh", [f"{new} sum"], [fresh]),
    ]
    if not state:
        return [*words, ("Mul", [update, fresh], [f"kept {step}"]), ("Sub", [fresh, f"kept {step}"], [after])]
    return [
        *words,
        ("Sub", [state, fresh], [f"way {step}"]),
        ("Mul", [f"way {step}", update], [f"kept {step}"]),
        ("Add", [fresh, f"kept {step}"], [after]),
    ]


def _is_known(model: Any, layer: Any) -> bool:
    """Whether *layer* is of the form that `write_out` makes, and sees the graph's input with nothing computed of it."""
    import onnx

    about = {one.name: onnx.helper.get_attribute_value(one) for one in layer.attribute}
    before = _nodes_for(model, {layer.input[0]})
    return set(about) <= KNOWN and about.get("linear_before_reset") == 1 and {one.op_type for one in before} <= BEFORE


def _ending_in(model: Any, names: Any) -> Any:
    """The graph that gives what is called so."""
    import onnx

    told = [onnx.helper.make_node("Identity", [name], [f"{name} told"]) for name in names]  # may be no node's output
    nodes = [*_nodes_for(model, set(names)), *told]
    outputs = [_value("FLOAT", node.output[0], None) for node in told]
    return _graph(model, nodes, model.graph.input, outputs, model.graph.initializer)


def _together(model: Any, layer: Any, written: tuple[list[Any], list[Any]]) -> Any:
    """The graph with *written* in the place of its *layer*: it gives the last state alone, which is enough for the
    rest.
    """
    nodes, weights = written
    rest = _nodes_for(model, {one.name for one in model.graph.output}, without=layer)
    inputs = [_value("FLOAT", SEGMENTS, ["segments", None]), _value("INT64", PLACES, [None, "n"])]
    return _graph(model, [*nodes, *rest], inputs, model.graph.output, [*model.graph.initializer, *weights])


def _nodes_for(model: Any, names: set[str], *, without: Any = None) -> list[Any]:
    """What must be computed for *names*; nodes stand in the order of computation. *without* ends the search."""
    kept: list[Any] = []
    for node in reversed(model.graph.node):
        if node != without and names & set(node.output):
            kept.insert(0, node)
            names = names | set(node.input)
    return kept


def _value(kind: str, name: str, shape: Any) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DataType.Value(kind), shape)


def _graph(model: Any, nodes: Any, inputs: Any, outputs: Any, weights: Any) -> Any:
    import onnx

    used = {name for node in nodes for name in node.input}
    known = [one for one in weights if one.name in used]
    graph = onnx.helper.make_graph(nodes, "part", inputs, outputs, known)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _agree(net: RecurrentNet, probe: Array) -> bool:
    """Whether windows that share nothing get the answers of whole windows."""
    count, length, channels = probe.shape
    places = np.arange(count)[None, :] * length + np.arange(length)[:, None]
    found = net.net_over(*share_segments(probe.reshape(-1, channels), places, size=net.segment))
    expected = net.whole(probe)
    most = max(float(np.abs(expected).max()), 1.0)
    return found.shape == expected.shape and bool(np.abs(found - expected).max() <= CLOSE * most)
