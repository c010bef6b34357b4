"""The nets of the kit for pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from training.compat import mx
from training.nets.lenet import lenet
from training.nets.resnet import resnet

ONEDNN = {"Convolution", "BatchNorm", "Activation", "Pooling", "elemwise_add"}
"""What reads and writes channels in blocks, where MXNet 1.9.1 computes with oneDNN."""


@pytest.mark.parametrize(("make", "shape"), [(lenet, (2, 1, 28, 28)), (resnet, (2, 3, 32, 32))])
def test_what_makes_pictures_of_pictures_is_onednn_s(
    make: Callable[[], mx.gluon.HybridBlock], shape: tuple[int, ...]
) -> None:
    """Another operator has them brought out of the blocks and back: docs/decisions/0010-whole-blocks-of-channels.md."""
    symbol: Any = make()(mx.sym.var("X"))
    inner = symbol.get_internals()
    _, shapes, _ = inner.infer_shape(X=shape)
    pictures = {name for name, shape in zip(inner.list_outputs(), shapes, strict=True) if len(shape) == 4}

    operators = {
        node["op"]
        for node in json.loads(symbol.tojson())["nodes"]
        if not pictures.isdisjoint({f"{node['name']}_output", f"{node['name']}_output0"})
    }

    assert "Convolution" in operators
    assert operators <= ONEDNN
