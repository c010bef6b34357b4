"""An ONNX file taken apart: the recurrent layer by itself, and what follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from training.serve.recurrent import Array, Gru, Net, RecurrentNet

CLOSE: Final = 1e-5
"""Relative to the largest output: more than 32 bits lose on the way, less than anything that is wrong would make."""

KNOWN: Final = {"hidden_size", "linear_before_reset"}
"""What a layer may say of itself; anything else, like a direction, is another layer."""


def take_apart(path: Path, whole: Net, *, session: Any) -> RecurrentNet | None:
    """The net of *path*, which *whole* computes on windows (n, length, channels), so that windows can share their rows;
    *session* makes one of onnxruntime. None where it is another kind of net, or does not come to the same.

    Needs the packages onnx and threadpoolctl.
    """
    import onnx
    from threadpoolctl import threadpool_limits

    model = onnx.load(str(path))
    layers = [node for node in model.graph.node if node.op_type == "GRU"]
    if len(layers) != 1 or not _reads_forward(model, layers[0]):
        return None
    threadpool_limits(limits=1, user_api="blas")  # as onnxruntime: serving shares its machine with others
    length, channels = (one.dim_value for one in model.graph.input[0].type.tensor_type.shape.dim[1:])
    probe = np.random.RandomState(0).standard_normal((3, length, channels)).astype(np.float32)
    weights = session(_ending_in(model, layers[0].input[1:4]).SerializeToString())
    layer = Gru.of_onnx(*weights.run(None, {model.graph.input[0].name: probe}))
    rest = session(_beginning_after(model, layers[0]).SerializeToString())
    states = layers[0].output[0]

    def from_states(last: Array) -> Array:
        return np.asarray(rest.run(None, {states: last[None, None]})[0])

    net = RecurrentNet(layer, from_states, whole)
    return net if _agree(net, probe) else None


def _reads_forward(model: Any, layer: Any) -> bool:
    """Whether *layer* sees the graph's input, time first, and is of the form of Gru."""
    import onnx

    about = {one.name: onnx.helper.get_attribute_value(one) for one in layer.attribute}
    before = [node for node in model.graph.node if layer.input[0] in node.output]
    turned = [node for node in before if node.op_type == "Transpose" and node.input[0] == model.graph.input[0].name]
    axes = [list(one.ints) for node in turned for one in node.attribute if one.name == "perm"]
    return set(about) <= KNOWN and about.get("linear_before_reset") == 1 and axes == [[1, 0, 2]]


def _ending_in(model: Any, names: Any) -> Any:
    """The graph that gives what is called so."""
    import onnx

    told = [onnx.helper.make_node("Identity", [name], [f"{name} told"]) for name in names]  # may be no node's output
    nodes = [*_nodes_for(model, set(names)), *told]
    return _graph(model, nodes, model.graph.input, [_floats(node.output[0], None) for node in told])


def _beginning_after(model: Any, layer: Any) -> Any:
    """The graph from the layer's states (length, 1, n, hidden) to the output; the last states are enough for it."""
    nodes = _nodes_for(model, {one.name for one in model.graph.output}, without=layer)
    states = _floats(layer.output[0], [1, 1, "n", None])
    return _graph(model, nodes, [states], model.graph.output)


def _nodes_for(model: Any, names: set[str], *, without: Any = None) -> list[Any]:
    """What must be computed for *names*; nodes stand in the order of computation. *without* ends the search."""
    kept: list[Any] = []
    for node in reversed(model.graph.node):
        if node != without and names & set(node.output):
            kept.insert(0, node)
            names = names | set(node.input)
    return kept


def _floats(name: str, shape: Any) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def _graph(model: Any, nodes: Any, inputs: Any, outputs: Any) -> Any:
    import onnx

    used = {name for node in nodes for name in node.input}
    known = [one for one in model.graph.initializer if one.name in used]
    graph = onnx.helper.make_graph(nodes, "part", inputs, outputs, known)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _agree(net: RecurrentNet, probe: Array) -> bool:
    count, length, channels = probe.shape
    steps = [np.arange(count) * length + step for step in range(length)]
    found = net.rest(net.layer.last_states(probe.reshape(-1, channels), steps, count))
    expected = net.whole(probe)
    most = max(float(np.abs(expected).max()), 1.0)
    return found.shape == expected.shape and bool(np.abs(found - expected).max() <= CLOSE * most)
