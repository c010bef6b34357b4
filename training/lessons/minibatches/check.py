"""Lesson 3: every example once, pairs together, a new order; the same by Gluon; a net that learns from batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.compat import NDArray, mx
from training.lessons.gluon_hints import NO_GRAPH, NO_VALUES, NOT_A_BLOCK, OLD_GRADIENT
from training.lessons.hint import Check, Hint, KnownError, Lacks, expect, wrong_kind
from training.lessons.probes import Array, array, equally_far, line_data
from training.lessons.script import Script

WANTED = (2, -3.4, 4.2)
"""What line_data was made from."""

NO_PAIRS = Hint(
    "no-pairs",
    "`minibatches` (or `loader`) does not hand out pairs of X and y.",
    "A loop over it is written `for X, y in ...`: it unpacks exactly two arrays.",
    "What stands behind `yield`, or what is put into the Dataset?",
)
LOST = Hint(
    "lost",
    "Some examples never come: the last ones, which do not fill a batch.",
    "What is left out teaches nothing; with little data that is much.",
    "10 examples in batches of 4 are batches of 4, 4 and 2. What does your loop do with the last 2?",
)
TWICE = Hint(
    "twice",
    "In one pass some examples come more than once, and others not at all.",
    "A pass (an epoch) means: every example once. Drawing again and again is something else.",
    "Draw one order for all examples, then cut it into pieces.",
)
TOO_LARGE = Hint(
    "too-large",
    "A batch has another size than was asked for.",
    "The size of a batch decides memory, speed and the length of a step; it must be what it says.",
    "Print the shapes that come out for 10 examples and batches of 4.",
)
TORN = Hint(
    "torn",
    "X and y do not belong together any more.",
    "Shuffled apart, every car gets another car's answer, and there is nothing left to learn.",
    "Use one and the same order for both.",
)
SAME_ORDER = Hint(
    "same-order",
    "The examples come in the order in which they lie.",
    "Logs are sorted (by time, by class): a batch of equals pulls the net to one side, and the next one back.",
    "Find the line that mixes the order: it must come before the cut into batches.",
)
FROZEN_ORDER = Hint(
    "frozen-order",
    "The second pass has the same order as the first.",
    "Then the same examples always meet in one batch; a new order each pass averages that out.",
    "When is the order drawn: each time the loop begins, or only once?",
)
NOT_A_LOADER = Hint(
    "not-a-loader",
    "`loader` gives something that is not Gluon's DataLoader.",
    "This part is about knowing the tool by name: later it also reads files with several workers.",
    "Look through gluon.data: one class pairs up arrays, and another hands out batches of it.",
)
OUTPUTS = Hint(
    "outputs",
    "The net does not give one number for each example.",
    "The target is one number, and it may be any number: one output, and nothing that bends it.",
    "Print the shape of net(X) for three rows, then look at the last layer.",
)
BATCH_SIZE = Hint(
    "batch-size",
    "With batches of another size the steps have another length: the training runs away, or hardly moves.",
    "`step` divides the summed gradients by the number that it is given; L2Loss gives one loss for each example.",
    "Print the number that `step` gets, for batches of two sizes.",
)
NOT_LEARNED = Hint(
    "not-learned",
    "After training, the net's weights are not near (2, -3.4) and 4.2.",
    "On this data the loss must fall to the noise in a few passes.",
    "Print the loss after each pass. If it does not fall, go through the lines for one batch: is one missing?",
)
ERRORS = (
    NO_GRAPH,
    NO_VALUES,
    OLD_GRADIENT,
    KnownError("not enough values to unpack", NO_PAIRS),
)


def _counted(examples: int) -> tuple[NDArray, NDArray]:
    """Examples that can be told apart: X is (k, 10 k), y is 100 k."""
    numbers = np.arange(examples, dtype=np.float32)
    return mx.nd.array(np.stack([numbers, 10 * numbers], 1)), mx.nd.array(100 * numbers)


def _one_pass(script: Script, name: str, batches: Any) -> list[tuple[Array, Array]]:
    """What one pass hands out. Raises Lacks."""
    if not hasattr(batches, "__iter__"):
        raise Lacks(wrong_kind(name, "something that a for loop can go through", batches))
    found = []
    for batch in script.ask(list, batches):
        expect(isinstance(batch, (tuple, list)) and len(batch) == 2, NO_PAIRS)
        found.append((array(script, name, batch[0]), array(script, name, batch[1])))
    return found


def _whole(batches: list[tuple[Array, Array]], examples: int, batch_size: int) -> Array:
    """The order in which the examples came. Raises Lacks unless all came once, in pairs, in batches of that size."""
    expect(batches and all(X.ndim == 2 and len(X) == y.size for X, y in batches), NO_PAIRS)
    X, y = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
    expect(all(len(batch[0]) <= batch_size for batch in batches), TOO_LARGE)
    expect(len(X) >= examples, LOST)
    order: Array = np.rint(X[:, 0]).astype(int)
    expect(len(set(order.tolist())) == examples == len(order), TWICE)
    expect(all(len(batch[0]) == batch_size for batch in batches[:-1]), TOO_LARGE)
    expect(np.allclose(y.reshape(-1), 100 * X[:, 0]) and np.allclose(X[:, 1], 10 * X[:, 0]), TORN)
    return order


def _by_hand(script: Script) -> None:
    X, y = _counted(23)
    first, second = (_whole(_one_pass(script, "minibatches", script.call("minibatches", X, y, 4)), 23, 4) for _ in "12")
    expect(first.tolist() != list(range(23)), SAME_ORDER)
    expect(first.tolist() != second.tolist(), FROZEN_ORDER)


def _by_gluon(script: Script) -> None:
    X, y = _counted(23)
    batches = script.call("loader", X, y, 4)
    expect(isinstance(batches, mx.gluon.data.DataLoader), NOT_A_LOADER)
    first, second = (_whole(_one_pass(script, "loader", batches), 23, 4) for _ in "12")
    expect(first.tolist() != list(range(23)), SAME_ORDER)
    expect(first.tolist() != second.tolist(), FROZEN_ORDER)


def _net(script: Script) -> None:
    net = script.call("make_net")
    expect(isinstance(net, mx.gluon.Block), NOT_A_BLOCK)
    output = array(script, "net(X)", script.ask(net, mx.nd.array([[1.0, 2.0], [3.0, 4.0], [-5.0, -6.0]])))
    expect(output.size == 3 and len(output) == 3, OUTPUTS)
    negative = array(script, "net(X)", script.ask(net, mx.nd.array([[-1.0, -2.0], [1.0, 2.0]])))
    bias = array(script, "net(X)", script.ask(net, mx.nd.zeros((1, 2))))
    expect(np.allclose(negative.sum(), 2 * bias.sum(), atol=1e-5), OUTPUTS)


def _weights(net: Any) -> Array:
    """Weight and bias of a line, read off it: its values at (1, 0), (0, 1) and (0, 0)."""
    ahead = net(mx.nd.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])).asnumpy().reshape(-1)
    found: Array = np.array([ahead[0] - ahead[2], ahead[1] - ahead[2], ahead[2]])
    return found


def _steps(script: Script) -> None:
    """The same examples twice in one batch must move the net as far as once."""
    X, y = line_data(20)

    def moved(times: int) -> Array:
        mx.random.seed(1)
        net = script.call("make_net")
        script.ask(net, X)
        before = _weights(net)
        batch = mx.nd.concat(*[X] * times, dim=0), mx.nd.concat(*[y] * times, dim=0)
        script.ask(script.value("train"), net, [batch], 0.01, 1)
        return _weights(net) - before

    expect(equally_far(moved(1), moved(2)), BATCH_SIZE)


def _training(script: Script) -> None:
    X, y = line_data()
    for batch_size, lr, passes in ((10, 0.05, 4), (100, 0.3, 15)):
        mx.random.seed(1)
        batches = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(X, y), batch_size, shuffle=True)
        net = script.call("make_net")
        script.ask(net, X[:2])
        script.ask(script.value("train"), net, batches, lr, passes)
        after = _weights(net)
        expect(np.allclose(after, WANTED, atol=0.1), NOT_LEARNED)


CHECKS = (
    Check("minibatches hands out every example once, in pairs, in a new order each pass", _by_hand),
    Check("loader does the same with Gluon's DataLoader", _by_gluon),
    Check("make_net gives an initialized net with one output", _net),
    Check("train takes steps of the same length, however large a batch is", _steps),
    Check("train finds the weights behind the data", _training),
)
