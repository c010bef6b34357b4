"""Lesson 6: the penalty and its slope, dropout by its statistics and mode, what weight decay does to a weight."""

from __future__ import annotations

import numpy as np

from training.compat import mx
from training.lessons.gluon_hints import NO_VALUES
from training.lessons.hint import Check, Hint, KnownError, expect
from training.lessons.probes import Array, array, number
from training.lessons.script import Script

PENALTY = Hint(
    "penalty",
    "`l2_penalty` gives a wrong number.",
    "Squares punish one large weight more than many small ones; absolute values (L1) do something else.",
    "For the weights (3, 4) it is 12.5. What is yours?",
)
HALF = Hint(
    "half",
    "`l2_penalty` is twice (or another multiple of) what it should be.",
    "With the half its slope is the weight itself, and lr * wd is the share that each step takes away.",
    "For the weights (3, 4) it is 12.5. What is yours?",
)
PREDICTING = Hint(
    "predicting",
    "`dropout` changes X also when nothing is being trained.",
    "When the net is used, all units work; otherwise the same car would get another answer every time.",
    "autograd knows whether it is training. How does one ask it?",
)
NEVER = Hint(
    "never",
    "`dropout` silences nothing while training.",
    "No unit learns to do without its neighbours, and the net learns the training set by heart.",
    "Print your condition inside `autograd.record()`: is it true there?",
)
SHARE = Hint(
    "share",
    "`dropout` silences the wrong share.",
    "The rate says how much is dropped, not how much is kept: 0.2 lets 80 % through.",
    "Compare your random numbers with the rate once more: which of them are silenced?",
)
MEAN = Hint(
    "mean",
    "`dropout` changes the mean of X.",
    "With half of the units silent the next layer gets half as much, and twice as much once the net is used.",
    "By what must the rest be multiplied so that the mean stays?",
)
BLOCKS = Hint(
    "blocks",
    "`dropout` silences whole rows or columns, or draws the same mask again and again.",
    "Each unit of each example is to be silenced by its own chance, anew in each step.",
    "Print your random numbers in two calls: their shape, and whether they differ.",
)
ENDS = Hint(
    "ends",
    "`dropout` fails at a rate of 0 or 1.",
    "0 is how one switches it off; at 1, one divides by zero.",
    "What should come out for 0, and what for 1? Both need no chance.",
)
NO_DROPOUT = Hint(
    "no-dropout",
    "The net gives the same answer twice while training: it drops nothing.",
    "Without it, a large net learns few examples by heart. Gluon has a layer that knows when it is training.",
    "Print the net: which layer is missing?",
)
OUTPUT_DROPPED = Hint(
    "output-dropped",
    "The dropout layer stands behind the last layer: scores themselves are silenced.",
    "A score of 0 is an answer, not a missing one; only hidden units may be silenced.",
    "Behind which layer must it stand?",
)
NET = Hint(
    "net",
    "`make_net` does not give ten scores for each row, out of 64 hidden units.",
    "The check compares nets that differ in their dropout alone.",
    "Compare your layers with the task.",
)
NO_DECAY = Hint(
    "no-decay",
    "The trainer of `make_trainer` does not pull the weights towards zero.",
    "With weight decay every step takes the share lr * wd from each weight, also where the loss is flat.",
    "Look up the options of the optimizer 'sgd': which of them is the decay?",
)
DECAY = Hint(
    "decay",
    "The weights shrink in one step by another share than lr * wd.",
    "lr and wd are two things: how far a step goes, and how strong the pull is.",
    "Look at the names in the Trainer's third argument. A plain 'sgd' without momentum is asked for.",
)
ERRORS = (NO_VALUES, KnownError("division by zero", ENDS))


def _penalty(script: Script) -> None:
    for w in (np.array([3.0, 4.0]), np.array([[1.0, -2.0], [0.5, 0.0]])):
        found = number(script, "l2_penalty", script.call("l2_penalty", mx.nd.array(w)))
        right = (w**2).sum() / 2
        expect(abs(found - right) < 1e-4 or not np.isclose(found % right, 0) or found < right, HALF)
        expect(abs(found - right) < 1e-4, PENALTY)


def _dropped(script: Script, X: Array, rate: float) -> Array:
    with mx.autograd.record(train_mode=True):
        return array(script, "dropout", script.call("dropout", mx.nd.array(X), rate))


def _dropout(script: Script) -> None:
    X = np.random.RandomState(1).uniform(1, 2, (100, 200)).astype(np.float32)
    for rate in (0.2, 0.7):
        out = _dropped(script, X, rate)
        silent = out == 0
        expect(out.shape == X.shape and silent.any(), NEVER)
        expect(silent.mean(0).max() < 1 and silent.mean(1).max() < 1, BLOCKS)
        expect(abs(silent.mean() - rate) < 0.02, SHARE)
        expect(not np.array_equal(silent, _dropped(script, X, rate) == 0), BLOCKS)
        expect(
            abs(out.mean() / X.mean() - 1) < 0.05 and np.allclose(out[~silent], X[~silent] / (1 - rate), rtol=1e-3),
            MEAN,
        )


def _modes(script: Script) -> None:
    X = np.random.RandomState(2).uniform(1, 2, (20, 30)).astype(np.float32)
    expect(np.array_equal(array(script, "dropout", script.call("dropout", mx.nd.array(X), 0.5)), X), PREDICTING)
    with mx.autograd.record(train_mode=False):
        used = array(script, "dropout", script.call("dropout", mx.nd.array(X), 0.5))
    expect(np.array_equal(used, X), PREDICTING)


def _ends(script: Script) -> None:
    X = np.ones((5, 6), np.float32)
    expect(np.array_equal(_dropped(script, X, 0), X), ENDS)
    expect(np.array_equal(_dropped(script, X, 1), 0 * X), ENDS)


def _net(script: Script) -> None:
    X = mx.nd.random.normal(0, 1, shape=(50, 784))
    net = script.call("make_net", 0.5)
    scores = array(script, "net(X)", script.ask(net, X))
    hidden = [one.shape for one in net.collect_params().values()]
    expect(scores.shape == (50, 10) and any(shape[0] == 64 for shape in hidden), NET)
    with mx.autograd.record():
        first, second = (array(script, "net(X)", script.ask(net, X)) for _ in "12")
    expect(not np.allclose(first, second), NO_DROPOUT)
    expect(not (first == 0).mean() > 0.2, OUTPUT_DROPPED)
    plain = script.call("make_net", 0)
    script.ask(plain, X)
    with mx.autograd.record():
        first, second = (array(script, "net(X)", script.ask(plain, X)) for _ in "12")
    expect(np.allclose(first, second), NO_DROPOUT)


def _decay(script: Script) -> None:
    """One step with gradients of zero: only the pull is left."""
    for lr, wd in ((0.5, 0.1), (0.1, 1.0)):
        net = mx.gluon.nn.Dense(3, in_units=4)
        net.initialize(mx.init.One())
        trainer = script.call("make_trainer", net, lr, wd)
        with mx.autograd.record():
            flat = net(mx.nd.zeros((2, 4))).sum() * 0
        flat.backward()
        script.ask(trainer.step, 2)
        weight = net.weight.data().asnumpy()
        expect(not np.allclose(weight, 1), NO_DECAY)
        expect(np.allclose(weight, 1 - lr * wd, atol=1e-4), DECAY)


CHECKS = (
    Check("l2_penalty is half the sum of squares", _penalty),
    Check("dropout silences the right share and keeps the mean", _dropout),
    Check("dropout leaves alone what is not being trained", _modes),
    Check("dropout takes the rates 0 and 1", _ends),
    Check("make_net drops hidden units, and only while training", _net),
    Check("make_trainer pulls the weights towards zero", _decay),
)
