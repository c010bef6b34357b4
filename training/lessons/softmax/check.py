"""Lesson 4: probabilities that hold, a loss that picks the right class, real digits; no Gluon but its data."""

from __future__ import annotations

import ast

import numpy as np

from training.compat import mx
from training.lessons.gluon_hints import graph_errors
from training.lessons.hint import Check, Hint, KnownError, expect
from training.lessons.probes import array, flat_digits, number, refuse
from training.lessons.script import Script

BY_HAND = Hint(
    "by-hand",
    "Your script uses a softmax, a loss or a net that is written already.",
    "Here you write softmax and cross-entropy yourself; Gluon may bring the pictures, and no more.",
    "Simple functions of nd are enough: to raise e to a power, to add up, to take a logarithm, to choose elements.",
)
ROWS = Hint(
    "rows",
    "The rows of `softmax` do not add up to 1.",
    "Each row is one picture, and its ten probabilities belong to that picture alone.",
    "Print the shape of the sum by which you divide: does each row meet its own sum?",
)
OVERFLOW = Hint(
    "overflow",
    "`softmax` gives nan for large scores.",
    "exp(1000) is larger than any float32; infinity divided by infinity is nan, and one nan spoils all weights.",
    "Softmax stays the same when one number is taken from all scores of a row. Which number makes exp harmless?",
)
SOFTMAX = Hint(
    "softmax",
    "The rows of `softmax` add up to 1, and yet the probabilities are wrong.",
    "A score that is larger by 1 makes its class e times as probable.",
    "Try the scores (0, log 3): the probabilities must be 1/4 and 3/4.",
)
CE_SIGN = Hint(
    "sign",
    "`cross_entropy` is negative.",
    "The logarithm of a probability is negative; the loss must be 0 for a sure right answer and grow with the error.",
    "Look at the sign.",
)
CE_SHAPE = Hint(
    "loss-shape",
    "`cross_entropy` does not give one number for each example.",
    "Only the probability of the right class counts: one for each row.",
    "What picks one element out of each row, by the class number in y?",
)
CE = Hint(
    "loss",
    "`cross_entropy` gives wrong numbers.",
    "It is minus the natural logarithm of the probability that the right class got; the other nine do not matter.",
    "For a probability of 0.5 it is 0.69. What is yours?",
)
CE_INFINITE = Hint(
    "log-of-zero",
    "`cross_entropy` is infinite or nan when the right class has the probability 0.",
    "One such picture among thousands, and all weights are nan.",
    "What can be done to the probability so that its logarithm always exists?",
)
ACCURACY = Hint(
    "accuracy",
    "`accuracy` does not count the right rows.",
    "This is the number by which you will compare nets. Often the axis is wrong, or two dtypes never count as equal.",
    "Three rows, of which two are right: 0.667. Print what you compare, with its dtype.",
)
DIVERGED = Hint(
    "diverged",
    "`train` ends with weights that are nan.",
    "Either one step was far too long, or a logarithm met a zero.",
    "Print the loss after each batch, and find the one in which it turns to nan.",
)
SHAPES = Hint(
    "shapes",
    "`train` does not give W of shape (784, 10) and b of shape (10,).",
    "A picture has 784 pixels, and there are ten classes: every pixel has a weight for each class.",
    "Look at the shapes where you make W and b, and at what stands behind `return`.",
)
NOT_LEARNED = Hint(
    "not-learned",
    "After `train`, fewer than 80 % of new digits are right.",
    "One layer reaches nearly 90 % with 2,000 digits; guessing reaches 10 %.",
    "Print the loss after each pass. If it falls slowly, go on longer; if it does not fall, look at the step.",
)
NOT_RECORDED = Hint(
    "not-recorded",
    "The loss was computed while autograd was not recording.",
    "Without the recording there is no way back from the loss to W and b.",
    "Which block must be open around the lines that compute the probabilities and the loss?",
)
NOT_ATTACHED = Hint(
    "not-attached",
    "W or b has no place for its gradient.",
    "It is asked for once before the loop; an array made anew in the loop has lost it.",
    "Before the loop, something must be asked of W and b once; in it they must stay the same arrays.",
)
ERRORS = (*graph_errors(NOT_ATTACHED, NOT_RECORDED), KnownError("NoneType", NOT_ATTACHED))
READY_MADE = {
    "mxnet.gluon.nn",
    "mxnet.gluon.loss",
    "mxnet.gluon.Trainer",
    "mxnet.gluon.Block",
    *(f"mxnet.{nd}.{name}" for nd in ("nd", "ndarray") for name in (
        "softmax", "log_softmax", "SoftmaxActivation", "SoftmaxOutput", "softmax_cross_entropy", "Softmax")),
}  # fmt: skip


def _by_hand(script: Script) -> None:
    refuse(script, READY_MADE, BY_HAND)
    methods = {node.attr for node in ast.walk(ast.parse(script.source)) if isinstance(node, ast.Attribute)}
    expect(not methods & {"softmax", "log_softmax", "softmax_cross_entropy"}, BY_HAND)


def _softmax(script: Script) -> None:
    scores = np.log(np.array([[1, 3, 4, 2], [5, 1, 1, 1], [2, 2, 2, 2]], np.float32))
    P = array(script, "softmax", script.call("softmax", mx.nd.array(scores)))
    expect(P.shape == scores.shape and np.allclose(P.sum(1), 1, atol=1e-3), ROWS)
    expect(np.allclose(P, np.exp(scores) / np.exp(scores).sum(1, keepdims=True), atol=1e-3), SOFTMAX)


def _large(script: Script) -> None:
    for scores in (
        [[1000.0, 0.0, -1000.0]],
        [[-1000.0, -1000.0, -1001.0]],
        [[0.0, 500.0, 0.0], [-400.0, -400.0, -500.0]],
    ):
        P = array(script, "softmax", script.call("softmax", mx.nd.array(scores)))
        expect(np.isfinite(P).all() and np.allclose(P.sum(1), 1, atol=1e-3), OVERFLOW)


def _cross_entropy(script: Script) -> None:
    P, y = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.2, 0.7, 0.1]], np.float32), np.array([0, 2, 0])
    for dtype in ("float32", "int32"):
        loss = array(script, "cross_entropy", script.call("cross_entropy", mx.nd.array(P), mx.nd.array(y, dtype=dtype)))
        expect(loss.size == 3, CE_SHAPE)
        expect((loss > -1e-6).all(), CE_SIGN)
        expect(np.allclose(loss.reshape(-1), -np.log([0.5, 0.8, 0.2]), atol=1e-3), CE)
    none = array(script, "cross_entropy", script.call("cross_entropy", mx.nd.array([[1.0, 0.0]]), mx.nd.array([1])))
    expect(np.isfinite(none).all(), CE_INFINITE)


def _accuracy(script: Script) -> None:
    P = np.array([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1], [0.5, 0.1, 0.4]], np.float32)
    for y, wanted in (([1, 0, 2], 2 / 3), ([2, 1, 1], 0), ([1, 0, 0], 1)):
        for dtype in ("float32", "int32"):
            found = script.call("accuracy", mx.nd.array(P), mx.nd.array(y, dtype=dtype))
            expect(abs(number(script, "accuracy", found) - wanted) < 1e-3, ACCURACY)


def _training(script: Script) -> None:
    X, y = flat_digits(2500)
    learned = script.call("train", X[:2000], y[:2000].astype("float32"))
    expect(isinstance(learned, (tuple, list)) and len(learned) == 2, SHAPES)
    W, b = (array(script, "train", one) for one in learned)
    expect(W.shape == (784, 10) and b.size == 10, SHAPES)
    expect(np.isfinite(W).all() and np.isfinite(b).all(), DIVERGED)
    right = (X[2000:].asnumpy() @ W + b.reshape(-1)).argmax(1) == y[2000:].asnumpy()
    expect(right.mean() >= 0.8, NOT_LEARNED)


CHECKS = (
    Check("softmax and loss are written by hand", _by_hand),
    Check("softmax gives probabilities", _softmax),
    Check("softmax stands large scores", _large),
    Check("cross_entropy looks at the right class alone", _cross_entropy),
    Check("accuracy counts what is right", _accuracy),
    Check("train tells new digits apart", _training),
)
