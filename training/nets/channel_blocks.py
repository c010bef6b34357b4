"""Convolutions with whole blocks of channels, the shape that a processor's fast kernels are made for.

oneDNN computes as many channels at once as a register holds numbers. A convolution whose channels do not fill the last
block the oneDNN of 2021 in MXNet 1.9.1 does as products of matrices, image by image, and it gives up the blocks' layout
around it. Here such a convolution gets further channels, with zeros for weights that are no parameters. They stay
through what treats each channel by itself, and are cut off before anything else sees them. Weights, gradients and
outputs are the same but for rounding.

https://uxlfoundation.github.io/oneDNN/v2/dev_guide_understanding_memory_formats.html
"""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from training.compat import mx

Node = dict[str, Any]
"""An operator or a variable as MXNet's JSON has it; its `inputs` are entries."""
Entry = list[int]
"""The number of a node, which of its outputs, and a version."""
Shapes = Mapping[str, tuple[int, ...]]

# What becomes of a channel depends on nothing else, and stays finite where the channel is all zeros: each operator with
# the attribute that tells its kinds, and the kinds for which this holds.
CHANNEL_BY_CHANNEL = {
    "Activation": ("act_type", ("relu", "sigmoid", "tanh", "softrelu", "softsign")),
    "LeakyReLU": ("act_type", ("leaky", "elu", "gelu")),
    "Pooling": ("pool_type", ("max", "avg")),
}
MOST_FURTHER = 2
"""Times as many as a convolution's own channels. Measured: six with ten more gain a third, three with thirteen lose."""


def block_here() -> int:
    """Channels in a block of this processor; 1 where MXNet computes without oneDNN."""
    if not mx.runtime.Features().is_enabled("MKLDNN"):
        return 1
    try:
        return 16 if "avx512f" in Path("/proc/cpuinfo").read_text() else 8
    except OSError:  # macOS on an Intel processor
        return 8


def in_whole_blocks(symbol: Any, shapes: Shapes, block: int) -> Any:
    """*symbol* with channels filled up to a multiple of *block* in each two-dimensional convolution that gains by it;
    the symbol itself where there is none. *shapes* are those of its parameters by name."""
    graph = json.loads(symbol.tojson())
    further = _further_channels(graph["nodes"], shapes, block)
    if not further:
        return symbol
    wider = _WiderGraph(graph["nodes"], shapes, further)
    variables = [number for number, node in enumerate(wider.nodes) if node["op"] == "null"]
    heads = [wider.entry(head) for head in graph["heads"]]
    written = {"nodes": wider.nodes, "arg_nodes": variables, "heads": heads, "attrs": graph["attrs"]}
    return mx.sym.load_json(json.dumps(written))


def _further_channels(nodes: Sequence[Node], shapes: Shapes, block: int) -> dict[int, int]:
    """How many channels each convolution gets that gets some, by its number."""
    others = _before_others(nodes) | _behind_others(nodes, shapes)
    own = {number: _weight_shape(node, nodes, shapes) for number, node in enumerate(nodes) if number not in others}
    needed = {number: -shape[0] % block for number, shape in own.items() if shape}
    return {number: more for number, more in needed.items() if 0 < more <= MOST_FURTHER * own[number][0]}


def _before_others(nodes: Sequence[Node]) -> set[int]:
    """What is read by more than convolutions and what treats each channel by itself: further channels would have to be
    cut off at once, which costs more than a faster convolution brings."""
    return {source for node in nodes if not _takes_blocks(node) for source, _, _ in node["inputs"]}


def _behind_others(nodes: Sequence[Node], shapes: Shapes) -> set[int]:
    """What hands its gradient on to something that learns, other than convolutions and what stands between them.

    It would hand it on in blocks, and not every operator of MXNet 1.9.1 reads these: joined channels may end in "could
    not construct a sub-memory", PReLU adds up another gradient. docs/decisions/0010-whole-blocks-of-channels.md
    """
    learning: set[int] = set()
    behind: set[int] = set()
    for number, node in enumerate(nodes):
        data, *others = [source for source, _, _ in node["inputs"]] or [number]
        if node["name"] in shapes or not learning.isdisjoint({data, *others}):
            learning.add(number)
            if data in behind or not _takes_blocks(node):
                behind.add(number)
    return behind


def _takes_blocks(node: Node) -> bool:
    return node["op"] == "Convolution" or _is_channel_by_channel(node)


def _is_channel_by_channel(node: Node) -> bool:
    kind, holds_for = CHANNEL_BY_CHANNEL.get(node["op"], ("", ()))
    return node.get("attrs", {}).get(kind) in holds_for


def _weight_shape(node: Node, nodes: Sequence[Node], shapes: Shapes) -> tuple[int, ...]:
    """The shape (out, in, height, width) of the weight of a convolution that can have more channels, else ()."""
    attributes = node.get("attrs", {})
    if node["op"] != "Convolution" or attributes.get("num_group", "1") != "1":
        return ()
    if attributes.get("layout", "None") not in ("None", "NCHW") or len(literal_eval(attributes["kernel"])) != 2:
        return ()
    return shapes.get(nodes[node["inputs"][1][0]]["name"], ())


@dataclass(frozen=True)
class Widened:
    """A node that has *further* channels behind the *own* ones of the node that it stands for."""

    number: int
    own: int
    further: int

    @property
    def entry(self) -> Entry:
        return [self.number, 0, 0]


class _WiderGraph:
    """The nodes of a *given* graph, some of them with *further* channels, by number."""

    def __init__(self, given: Sequence[Node], shapes: Shapes, further: Mapping[int, int]) -> None:
        self.nodes: list[Node] = []
        # By the number in the given graph: where the node is here.
        self._widened: dict[int, Widened] = {}
        self._unchanged: dict[int, int] = {}
        self._cut: dict[int, Entry] = {}
        for number, node in enumerate(given):
            source = self._widened.get(node["inputs"][0][0]) if node["inputs"] else None
            shape = _weight_shape(node, given, shapes)
            if number in further or (source and shape):
                self._widen(number, node, shape, source, further.get(number, 0))
            elif source and _is_channel_by_channel(node):
                self._widened[number] = replace(source, number=self._write({**node, "inputs": [source.entry]}))
            else:
                inputs = [self.entry(entry) for entry in node["inputs"]]
                self._unchanged[number] = self._write({**node, "inputs": inputs})

    def entry(self, given: Sequence[int]) -> Entry:
        """Where the output *given* of the given graph is in this one, without further channels."""
        number, output, version = given
        if number not in self._widened:
            return [self._unchanged[number], output, version]
        if number not in self._cut:
            wide = self._widened[number]
            self._cut[number] = self._operate("slice_axis", [wide.entry], axis=1, begin=0, end=wide.own)
        return self._cut[number]

    def _widen(self, number: int, node: Node, shape: tuple[int, ...], source: Widened | None, further: int) -> None:
        """Write the convolution *node*, which reads all channels of its *source* and has *further* ones of its own."""
        out, taken, *kernel = shape
        data = source.entry if source else self.entry(node["inputs"][0])
        weight, *bias = (self.entry(given) for given in node["inputs"][1:])
        if source:
            taken += source.further
            weight = self._fill_up(weight, (1, out, -1, prod(kernel)), axis=2, further=source.further)
        if further:
            weight = self._fill_up(weight, (1, 1, out, -1), axis=2, further=further)
            bias = [self._fill_up(values, (1, 1, 1, -1), axis=3, further=further) for values in bias]
            bias = [self._operate("Reshape", [values], shape=(-1,)) for values in bias]
        weight = self._operate("Reshape", [weight], shape=(out + further, taken, *kernel))
        attributes = {**node["attrs"], "num_filter": str(out + further)}
        written = self._write({**node, "attrs": attributes, "inputs": [data, weight, *bias]})
        if further:
            self._widened[number] = Widened(written, out, further)
        else:
            self._unchanged[number] = written

    def _fill_up(self, values: Entry, shape: tuple[int, int, int, int], *, axis: int, further: int) -> Entry:
        """*values* in the four dimensions of *shape*, with zeros behind them along *axis*, 2 or 3.

        Not joined to zeros by Concat, whose gradient could not be read in blocks.
        """
        widths = [0] * 8
        widths[2 * axis + 1] = further
        seen = self._operate("Reshape", [values], shape=shape)
        return self._operate("Pad", [seen], mode="constant", constant_value=0, pad_width=tuple(widths))

    def _operate(self, operator: str, inputs: Sequence[Entry], **attributes: Any) -> Entry:
        attrs = {name: str(value) for name, value in attributes.items()}
        node = {"op": operator, "name": f"whole_blocks{len(self.nodes)}", "attrs": attrs, "inputs": inputs}
        return [self._write(node), 0, 0]

    def _write(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1
