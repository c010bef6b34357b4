from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from tests.sizes import size

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.compat import mx
from training.nets.channel_blocks import in_whole_blocks
from training.nets.lenet import lenet
from training.nets.whole import NetWithLoss

nn = mx.gluon.nn
IMAGES = mx.nd.array(np.random.RandomState(0).randint(-2, 3, (4, 3, 16, 16)))
SIDES = mx.nd.array([[1, -1], [-1, 0], [0, 1], [1, 1]])


@mx.init.register
class FewOnes(mx.init.Initializer):
    """A tenth of the weights are 1 or -1, the rest 0: then sums are whole numbers, in whatever order they are taken."""

    def _init_weight(self, name: str, values: Any) -> None:
        random = np.random.RandomState(len(name))
        values[:] = random.randint(-1, 2, values.shape) * (random.uniform(size=values.shape) < 0.1)


class Sides(mx.gluon.HybridBlock):
    """A loss whose gradients are whole numbers where the net's are."""

    def hybrid_forward(self, F: Any, outputs: Any, sides: Any) -> Any:
        return F.sum(outputs * sides, axis=1)


class Forked(mx.gluon.HybridBlock):
    """What one layer finds is read by three: one more convolution, the sum with it, and a sum over all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2D(channels, 3, padding=1, activation="relu")
        self.second = nn.Conv2D(channels, 3, padding=1)

    def hybrid_forward(self, F: Any, X: Any) -> Any:
        found = self.first(X)
        return F.broadcast_add(found + self.second(found), F.sum(found, axis=1, keepdims=True))


some_channels = some.integers(1, 40)
exact_layers = some.one_of(
    some.builds(
        lambda channels, kernel, stride, bias: nn.Conv2D(
            channels, kernel, strides=stride, padding=kernel // 2, use_bias=bias, bias_initializer="ones"
        ),
        some_channels,
        some.sampled_from([1, 2, 3, 5]),
        some.sampled_from([1, 2]),
        some.booleans(),
    ),
    some.just("relu").map(nn.Activation),
    some.builds(nn.LeakyReLU, some.just(0.5)),
    some.builds(nn.PReLU, alpha_initializer=some.just(mx.init.Constant(0.5))),
    some.builds(nn.MaxPool2D, some.just(3), some.just(1), some.just(1)),
    some.builds(nn.AvgPool2D, some.just(2), some.just(2)),
    some.builds(lambda: nn.HybridLambda("abs")),
    some_channels.map(Forked),
)


@settings(max_examples=size(40, 400), deadline=None)
@given(some.lists(exact_layers, min_size=1, max_size=4), some.sampled_from([8, 16]))
def test_whole_blocks_change_neither_the_loss_nor_a_gradient(layers: list[Any], block: int) -> None:
    net = built(nn.Conv2D(6, 3, padding=1), *layers, nn.Dense(2))

    as_written, in_blocks = (learned(net, width) for width in (1, block))

    assume(max(abs(values).max() for values in as_written.values()) < 2**22)  # beyond it floats are no whole numbers
    assert {name: values.tolist() for name, values in in_blocks.items()} == {
        name: values.tolist() for name, values in as_written.items()
    }


@pytest.mark.parametrize("curve", ["tanh", "sigmoid", "softrelu", "softsign"])
def test_a_curve_between_two_convolutions_changes_them_by_no_more_than_rounding(curve: str) -> None:
    net = built(
        nn.Conv2D(6, 3), nn.Activation(curve), nn.AvgPool2D(), nn.Conv2D(20, 3), nn.Activation(curve), nn.Dense(2)
    )

    as_written, in_blocks = (learned(net, width) for width in (1, 16))

    for name, values in as_written.items():
        np.testing.assert_allclose(in_blocks[name], values, rtol=1e-4, atol=1e-4 * abs(values).max(), err_msg=name)


def built(*layers: Any) -> Any:
    net = nn.HybridSequential(prefix="")
    net.add(*layers)
    net.initialize(FewOnes())
    net(IMAGES)
    return net


def learned(net: Any, block: int) -> dict[str, Any]:
    """The loss and the gradients of one step."""
    whole = NetWithLoss(net, Sides(), block=block)
    whole.hybridize(static_alloc=True, static_shape=True)
    with mx.autograd.record():
        loss = whole(IMAGES, SIDES)
    loss.backward()
    gradients = {name: p.grad().asnumpy() for name, p in net.collect_params().items() if p.grad_req != "null"}
    return {"loss": loss.asnumpy(), **gradients}


def test_lenet_computes_sixteen_channels_from_the_first_convolution_to_the_second_and_keeps_its_six_weights() -> None:
    net = lenet()
    net.initialize()
    net(mx.nd.ones((1, 1, 28, 28)))
    as_written = net(mx.sym.var("X"))
    shapes = {name: p.shape for name, p in net.collect_params().items()}

    wider = in_whole_blocks(as_written, shapes, 16)

    assert wider.list_arguments() == as_written.list_arguments()
    assert convolutions(wider) == ["16", "16"]
    assert "slice_axis" not in operators(wider)
    assert in_whole_blocks(as_written, shapes, 2) is as_written


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param([nn.Conv2D(3, 1), nn.Dense(2)], id="five times as many channels"),
        pytest.param([nn.Conv2D(20, 3), nn.BatchNorm(), nn.Dense(2)], id="channels that would be cut off at once"),
        pytest.param([nn.Conv2D(6, 3, groups=3), nn.Activation("relu")], id="groups of channels"),
        pytest.param([nn.Conv2D(32, 3), nn.Dense(2)], id="whole already"),
    ],
)
def test_what_gains_nothing_stays_as_it_is(layers: list[Any]) -> None:
    net = built(*layers)
    as_written = net(mx.sym.var("X"))

    assert in_whole_blocks(as_written, {name: p.shape for name, p in net.collect_params().items()}, 16) is as_written


def nodes(symbol: Any) -> list[dict[str, Any]]:
    return list(json.loads(symbol.tojson())["nodes"])


def operators(symbol: Any) -> set[str]:
    return {node["op"] for node in nodes(symbol)}


def convolutions(symbol: Any) -> list[str]:
    return [node["attrs"]["num_filter"] for node in nodes(symbol) if node["op"] == "Convolution"]
