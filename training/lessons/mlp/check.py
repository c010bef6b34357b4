"""Lesson 5: a net that bends, raw scores, a training that takes its arguments seriously."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.compat import mx
from training.lessons.gluon_hints import NO_GRAPH, NO_VALUES, NOT_A_BLOCK, OLD_GRADIENT
from training.lessons.hint import Check, Hint, expect
from training.lessons.probes import Array, array, equally_far, flat_digits, number
from training.lessons.script import Script

SCORES = Hint(
    "scores",
    "The net does not give ten numbers for each picture.",
    "There are ten classes, and each wants a score of its own.",
    "Look at the last layer: how many numbers does it give?",
)
STRAIGHT = Hint(
    "straight",
    "The net is a straight function: two layers with nothing between them are one layer.",
    "Only a bend between the layers (an activation) lets it tell apart what no straight line can.",
    "Look between the two layers: what there makes the bend that `make_net` was asked for?",
)
HIDDEN = Hint(
    "hidden",
    "The hidden layer does not have as many units as was asked for.",
    "With a number of your own inside, every experiment gives the same net.",
    "Where does the argument `hidden` go?",
)
PROBABILITIES = Hint(
    "probabilities",
    "The net ends with a softmax.",
    "SoftmaxCrossEntropyLoss applies softmax itself. Applied twice, all classes look alike and learning crawls.",
    "Let the last layer give raw scores.",
)
CUT_OFF = Hint(
    "cut-off",
    "The net's scores are cut: they never leave a certain range.",
    "An activation on the last layer (relu, sigmoid) takes from the scores what the loss needs to see.",
    "Which layer is the activation meant for?",
)
ACTIVATION = Hint(
    "activation",
    "The activation is the same whatever `make_net` is asked for.",
    "The lesson compares relu, sigmoid and tanh; the name must arrive at the layer.",
    "Where does the argument `activation` go?",
)
EVALUATE = Hint(
    "evaluate",
    "`evaluate` does not give the share of right answers, from 0 to 1.",
    "This number tells you which net is better. Often the axis is wrong, or float32 is compared with int32.",
    "Print what you compare, with shape and dtype.",
)
BATCH_SIZE = Hint(
    "batch-size",
    "With larger batches the steps grow, and the training runs away.",
    "`step` divides the summed gradients by the number it is given; the loss gives one number for each picture.",
    "Which number does your `trainer.step(...)` get?",
)
NOT_LEARNED = Hint(
    "not-learned",
    "After training, fewer than 75 % of new digits are right.",
    "1,500 digits and six passes are enough for more than 80 %.",
    "Print the loss in each pass. If it does not fall, go through the lines for one batch: is one missing?",
)
NO_PASSES = Hint(
    "passes",
    "`train` with num_epochs=0 changes the net.",
    "Whoever asks for a number of passes wants just so many.",
    "Where is num_epochs used?",
)
ERRORS = (
    NO_GRAPH,
    NO_VALUES,
    OLD_GRADIENT,
)


def _made(script: Script, hidden: int, activation: str) -> Any:
    mx.random.seed(3)
    net = script.call("make_net", hidden, activation)
    expect(isinstance(net, mx.gluon.Block), NOT_A_BLOCK)
    return net


def _net(script: Script) -> None:
    X = mx.nd.random.normal(0, 3, shape=(40, 784))
    net = _made(script, 24, "relu")
    scores = array(script, "net(X)", script.ask(net, X))
    expect(scores.shape == (40, 10), SCORES)
    expect(not np.allclose(scores.sum(1), 1, atol=1e-3), PROBABILITIES)
    zero = array(script, "net(X)", script.ask(net, mx.nd.zeros((1, 784))))
    mirrored = array(script, "net(X)", script.ask(net, -X))
    expect((scores < -1e-6).any() and (scores > 1e-6).any(), CUT_OFF)
    expect(not np.allclose(scores + mirrored, 2 * zero, atol=1e-4), STRAIGHT)
    sizes = [one.shape for one in net.collect_params().values()]
    expect(any(24 in shape for shape in sizes), HIDDEN)


def _activation(script: Script) -> None:
    """Far out relu grows on with the input; sigmoid and tanh stop; at zero sigmoid is a half, tanh nothing."""
    X = mx.nd.random.normal(0, 1, shape=(20, 784))
    grown = {}
    for activation in ("relu", "sigmoid", "tanh"):
        net = _made(script, 16, activation)
        near, far = (array(script, "net(X)", script.ask(net, factor * X)) for factor in (1000, 2000))
        expect(near.shape == (20, 10), SCORES)
        grown[activation] = bool(np.abs(far).max() > 1.5 * np.abs(near).max())
        expect(activation == "relu" or np.ptp(near) > 1e-6, CUT_OFF)
    expect(grown["relu"] and not grown["sigmoid"] and not grown["tanh"], ACTIVATION)


def _echo() -> Any:
    """A net whose answers are known: the scores are its inputs."""
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.HybridLambda(lambda F, X: F.identity(X)))
    return net


def _evaluate(script: Script) -> None:
    answers = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    scores = np.eye(10, dtype=np.float32)[answers]
    for dtype in ("float32", "int32"):
        for wrong in (0, 2, 10):
            labels = (answers + (np.arange(10) < wrong)) % 10
            share = script.call("evaluate", _echo(), mx.nd.array(scores), mx.nd.array(labels, dtype=dtype))
            expect(abs(number(script, "evaluate", share) - (10 - wrong) / 10) < 1e-3, EVALUATE)


def _steps(script: Script) -> None:
    """The same examples twice in one batch must move the net as far as once."""
    X, y = flat_digits(20)

    def moved(times: int) -> Array:
        net = _made(script, 16, "relu")
        before = array(script, "net(X)", script.ask(net, X))
        batch, labels = mx.nd.concat(*[X] * times, dim=0), mx.nd.concat(*[y.astype("float32")] * times, dim=0)
        script.ask(script.value("train"), net, batch, labels, 0.01, 1, 20 * times)
        return array(script, "net(X)", net(X)) - before

    expect(equally_far(moved(1), moved(2)), BATCH_SIZE)


def _training(script: Script) -> None:
    X, y = flat_digits(2000)
    y = y.astype("float32")
    net = _made(script, 32, "relu")
    script.ask(net, X[:2])
    script.ask(script.value("train"), net, X[:1500], y[:1500], 0.2, 6, 50)
    scores = array(script, "net(X)", net(X[1500:]))
    expect((scores.argmax(1) == y[1500:].asnumpy()).mean() >= 0.75, NOT_LEARNED)
    before = array(script, "net(X)", net(X[:5]))
    script.ask(script.value("train"), net, X[:50], y[:50], 0.2, 0, 50)
    expect(np.array_equal(before, net(X[:5]).asnumpy()), NO_PASSES)


CHECKS = (
    Check("make_net bends, and ends with raw scores", _net),
    Check("make_net takes relu, sigmoid and tanh", _activation),
    Check("evaluate gives the share of right answers", _evaluate),
    Check("train takes steps of the same length, however large a batch is", _steps),
    Check("train tells new digits apart", _training),
)
