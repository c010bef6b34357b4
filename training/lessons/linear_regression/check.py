"""Lesson 2: the line, the loss, the step and the training, each on its own; no Gluon."""

from __future__ import annotations

import numpy as np

from training.compat import mx
from training.lessons.gluon_hints import graph_errors
from training.lessons.hint import Check, Hint, KnownError, Lacks, absent, expect
from training.lessons.probes import array, line_data, refuse
from training.lessons.script import Script

BY_HAND = Hint(
    "by-hand",
    "Your script uses gluon.",
    "Here you write what Gluon does for you later; who has written it once knows what to suspect when it goes wrong.",
    "nd and autograd are enough for this lesson. Gluon comes in the next one.",
)
LINE_SHAPE = Hint(
    "line-shape",
    "`linreg` does not give the shape (n, 1).",
    "Each of the n examples has two features and gets one number; `*` multiplies element by element and keeps both.",
    "Which product of a (n, 2) and a (2, 1) matrix gives (n, 1)?",
)
LINE = Hint(
    "line",
    "`linreg` gives wrong numbers.",
    "The line is each feature times its weight, added up, and the bias on top.",
    "Work out one row with a pencil: X = (1, 2), w = (3, 4), b = 5.",
)
BROADCAST = Hint(
    "broadcast",
    "`squared_loss` of n predictions (n, 1) and n targets (n,) gives n times n numbers.",
    "A column minus a row is a whole table: every prediction against every target. Training then learns only the mean.",
    "Print both shapes just before you subtract: they must be equal.",
)
LOSS_SHAPE = Hint(
    "loss-shape",
    "`squared_loss` gives one number for all examples.",
    "The step divides by the size of the batch later; averaged here as well, it would be divided twice.",
    "Leave the numbers apart: one for each example.",
)
LOSS = Hint(
    "loss",
    "`squared_loss` gives wrong numbers.",
    "The half is there so that its slope is just the difference; without it every step is twice as long.",
    "What does it say for the prediction 3 and the target 1? It must be 2.",
)
NEW_ARRAY = Hint(
    "new-array",
    "`sgd` leaves the parameters as they were.",
    "`param = ...` gives the name a new array; the one that the net computes with stays the same.",
    "How does one write new numbers into an array that exists?",
)
SIGN = Hint(
    "sign",
    "`sgd` moves the parameters up the slope.",
    "The gradient points to where the loss grows.",
    "Look at the sign of your step.",
)
BATCH_SIZE = Hint(
    "batch-size",
    "`sgd` does not divide by the size of the batch.",
    "backward adds up the gradients of all examples: with twice as many, the step would be twice as long.",
    "Where should `batch_size` stand in your step?",
)
STEP = Hint(
    "step",
    "`sgd` does not move each parameter by lr times its gradient, divided by the size of the batch.",
    "This is all of gradient descent; every later method changes only a part of it.",
    "Try it with one parameter of value 1, gradient 6, lr 0.5 and batch size 3: it must become 0.",
)
DIVERGED = Hint(
    "diverged",
    "`train` ends with numbers that are no numbers (nan), or far off.",
    "A step that is too long jumps over the bottom of the valley, higher each time.",
    "Print the loss after each pass, and the batch size that your call of `sgd` tells.",
)
NOT_LEARNED = Hint(
    "not-learned",
    "`train` does not come near the true weights (2, -3.4) and the bias 4.2.",
    "The loss must fall to the noise, here about 0.00005, and then w and b are right to two digits.",
    "Print the loss, w and b after each pass: which of them does not move as it should?",
)
PAIR = Hint(
    "pair",
    "`train` does not give w and b back as a pair.",
    "Whoever trains wants to use what was learned.",
    "What stands behind `return` in `train`? Two things are asked for, in the order w, b.",
)
NOT_RECORDED = Hint(
    "not-recorded",
    "The loss was computed while autograd was not recording.",
    "Without the recording there is no way back from the loss to w and b.",
    "Which block must be open around the lines that compute the prediction and the loss?",
)
NOT_ATTACHED = Hint(
    "not-attached",
    "A parameter has no place for its gradient.",
    "An array has no gradient by itself; and an array that was made anew (`w = w - ...`) has lost it again.",
    "Before the loop, something must be asked of w and b once; in it they must stay the same arrays.",
)
ERRORS = (*graph_errors(NOT_ATTACHED, NOT_RECORDED), KnownError("NoneType", NOT_ATTACHED))


def _by_hand(script: Script) -> None:
    refuse(script, {"mxnet.gluon"}, BY_HAND)


def _line(script: Script) -> None:
    X, w, b = np.array([[1.0, 2.0], [0.0, -1.0], [2.0, 0.5]]), np.array([[3.0], [4.0]]), np.array([5.0])
    y_hat = array(script, "linreg", script.call("linreg", *map(mx.nd.array, (X, w, b))))
    expect(y_hat.shape == (3, 1), LINE_SHAPE)
    expect(np.allclose(y_hat, X @ w + b, atol=1e-4), LINE)


def _loss(script: Script) -> None:
    y_hat, y = np.array([[3.0], [0.0], [1.0]]), np.array([1.0, 2.0, 1.0])
    for targets in (y.reshape(-1, 1), y):
        loss = array(script, "squared_loss", script.call("squared_loss", mx.nd.array(y_hat), mx.nd.array(targets)))
        expect(loss.size != 9, BROADCAST)
        expect(loss.size == 3, LOSS_SHAPE)
        expect(np.allclose(loss.reshape(-1), [2, 2, 0], atol=1e-5), LOSS)


def _step(script: Script) -> None:
    params = [mx.nd.array([1.0, 2.0]), mx.nd.array([[4.0]])]
    for param in params:
        param.attach_grad()
    with mx.autograd.record():
        y = (params[0] * 6).sum() + (params[1] * 3).sum()
    y.backward()
    if "sgd" not in script.names:
        raise Lacks(absent("sgd"))
    script.ask(script.names["sgd"], params, 0.5, 3)
    moved = params[0].asnumpy() - [1, 2]
    expect(not np.allclose(moved, 0), NEW_ARRAY)
    expect((moved < 0).all(), SIGN)
    expect(not np.allclose(moved, -3), BATCH_SIZE)
    expect(np.allclose(moved, -1) and np.allclose(params[1].asnumpy(), 3.5), STEP)


def _training(script: Script) -> None:
    X, y = line_data()
    learned = script.call("train", X, y)
    expect(isinstance(learned, (tuple, list)) and len(learned) == 2, PAIR)
    w, b = (array(script, "train", one).reshape(-1) for one in learned)
    expect(w.size == 2 and b.size == 1, PAIR)
    expect(np.isfinite(w).all() and np.abs(w).max() < 100, DIVERGED)
    expect(np.allclose(w, [2, -3.4], atol=0.05) and np.allclose(b, 4.2, atol=0.05), NOT_LEARNED)


CHECKS = (
    Check("the script is written by hand, without gluon", _by_hand),
    Check("linreg computes the line", _line),
    Check("squared_loss gives one number for each example", _loss),
    Check("sgd moves each parameter in its place, down the slope", _step),
    Check("train finds the weights behind the data", _training),
)
