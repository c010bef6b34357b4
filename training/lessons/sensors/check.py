"""Lesson 10: windows and labels that do not look ahead, cars that do not leak, a probability of worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.compat import mx
from training.lessons.gluon_hints import NO_GRAPH, NO_VALUES
from training.lessons.hint import Check, Hint, Lacks, expect, wrong_kind
from training.lessons.probes import Array, array, number
from training.lessons.script import Script

COUNT = Hint(
    "count",
    "`windows` does not give one window for every possible beginning.",
    "The window that ends with the newest row is the one that a car asks about.",
    "10 rows and windows of 4: the beginnings are 0 to 6. How many are these?",
)
OVERLAP = Hint(
    "overlap",
    "`windows` does not hold rows that lie one after the other, each window one row later.",
    "A net that sees time must see it in order and without holes.",
    "Print the first column of your windows for a log that holds 0, 1, 2, 3, ...",
)
LABELS_SHAPE = Hint(
    "labels-shape",
    "`fails_within` does not give one label for each row.",
    "Every row of the log gets its answer: will it fail soon?",
    "How many labels has a log of 10 rows?",
)
TURNED = Hint(
    "turned",
    "`fails_within` calls the beginning of the log the dangerous time.",
    "The car failed after its last row: the 1s stand at the end.",
    "Count how many rows are left until the failure, for the first row and for the last.",
)
OFF_BY_ONE = Hint(
    "off-by-one",
    "`fails_within` has one 1 too many or too few.",
    "The last row is one row away from the failure; with a horizon of 3 just three rows are labelled 1.",
    "Write down the labels of the last five rows for a horizon of 3, and compare them with yours.",
)
LABELS = Hint(
    "labels",
    "`fails_within` gives other labels than 0 and 1 in the right places.",
    "A net learns wrong labels as well as right ones, and nobody notices.",
    "Try 5 rows and a horizon of 2, then a horizon larger than the log.",
)
LEAK = Hint(
    "leak",
    "The same car is in the training and in the test set.",
    "Its windows overlap, so the test asks what the net has seen: the score looks good, and on the road it is worse.",
    "Choose among the cars first; then see which windows belong to them.",
)
SHARE = Hint(
    "share",
    "`split_cars` does not take about the asked share of the cars for the test, or leaves windows out.",
    "Each window is in one of the two sets, and neither set is empty.",
    "Of 10 cars and a share of 0.3, how many are in your test set?",
)
ALWAYS_THE_SAME = Hint(
    "always-the-same",
    "`split_cars` depends on how often a car comes, not on the cars.",
    "Cars with long logs count once, like all others; otherwise a few long logs decide the whole test.",
    "Over what do you take the share: over windows or over different cars?",
)
SCALE = Hint(
    "scale",
    "The training windows do not have mean 0 and spread 1 in each channel.",
    "Otherwise a temperature of 90 counts 900 times as much as a vibration of 0.1.",
    "Print the shape of your mean: one number for each channel must be left.",
)
PEEKED = Hint(
    "peeked",
    "`scale` measures the test windows too.",
    "Tomorrow's values are not known in the car; a test that uses them promises too much.",
    "Find the line that takes mean and spread: which of the two arrays may it look at?",
)
NET = Hint(
    "net",
    "`make_net` does not give a Gluon net with one number for each window.",
    "One question, yes or no, wants one score.",
    "Print the shape of net(X) for five windows.",
)
RAW = Hint(
    "raw",
    "The net ends with a sigmoid (or a relu): its scores are not raw.",
    "The loss for raw scores applies the sigmoid itself. Applied twice, every probability stays near the middle.",
    "Leave the last layer without an activation; `probability` is the place for it.",
)
RANGE = Hint(
    "range",
    "`probability` leaves the range from 0 to 1.",
    'A raw score may be any number; nobody can act on "the probability is 7".',
    "Which function bends all numbers into 0 to 1?",
)
PROBABILITY_SHAPE = Hint(
    "probability-shape",
    "`probability` does not give one number for each window, of shape (n,).",
    "p of shape (n, 1) minus y of shape (n,) is a whole table; you have met that trap in lesson 2.",
    "What is the shape of your result for 5 windows?",
)
PROBABILITY = Hint(
    "probability",
    "`probability` gives other numbers than the sigmoid of the net's raw score.",
    "The net was trained with a loss that applies a sigmoid; another function makes another probability.",
    "A score of 0 is a probability of 0.5, and a score of 2 is 0.88. What are yours?",
)
BRIER = Hint(
    "brier",
    "`brier` gives a wrong number.",
    "It is the mean of the squared differences: 0 if always sure and right, 0.25 if it always says one half.",
    "For p = (1, 0.5) and y = (1, 0) it is 0.125. What is yours?",
)
NOT_LEARNED = Hint(
    "not-learned",
    "After `train` the probabilities are hardly better than always saying how often failures come.",
    "On these made-up cars the wear can be seen plainly; the Brier score falls to less than half.",
    "Print the loss in each pass. If it does not fall, look at which loss it is: this is a yes or no.",
)
ERRORS = (
    NO_VALUES,
    NO_GRAPH,
)


def _numbers(script: Script, name: str, value: Any) -> Array:
    """NumPy out of NumPy, NDArray or a list. Raises Lacks."""
    if isinstance(value, mx.nd.NDArray):
        return array(script, name, value)
    if isinstance(value, (np.ndarray, list, tuple)):
        return np.asarray(value)
    raise Lacks(wrong_kind(name, "an array", value))


def _windows(script: Script) -> None:
    log = np.stack([np.arange(10.0), 100 + np.arange(10.0)], 1)
    for length in (4, 1, 10):
        found = _numbers(script, "windows", script.call("windows", log, length))
        expect(found.ndim == 3 and len(found) == 10 - length + 1, COUNT)
        right = np.stack([log[start : start + length] for start in range(10 - length + 1)])
        expect(found.shape == right.shape and np.allclose(found, right), OVERLAP)


def _labels(script: Script) -> None:
    for rows, horizon in ((10, 3), (5, 2), (8, 1)):
        found = _numbers(script, "fails_within", script.call("fails_within", rows, horizon)).astype(float).reshape(-1)
        right = (np.arange(rows, 0, -1) <= horizon).astype(float)
        expect(found.shape == (rows,), LABELS_SHAPE)
        expect(not np.array_equal(found, right[::-1]), TURNED)
        expect(not (set(np.unique(found)) <= {0, 1} and abs(found.sum() - horizon) == 1 and found[-1] == 1), OFF_BY_ONE)
        expect(not (set(np.unique(found)) <= {0, 1} and found.sum() == horizon - 1), OFF_BY_ONE)
        expect(np.array_equal(found, right), LABELS)
    whole = _numbers(script, "fails_within", script.call("fails_within", 4, 9)).astype(float)
    expect(np.array_equal(whole.reshape(-1), np.ones(4)), LABELS)


def _split(script: Script) -> None:
    for lengths in ([5] * 10, [200] + [3] * 9, [3] * 9 + [200]):
        cars = np.repeat(np.arange(10), lengths)
        pair = script.call("split_cars", cars, 0.3)
        expect(isinstance(pair, (tuple, list)) and len(pair) == 2, SHARE)
        seen, new = (_numbers(script, "split_cars", one).astype(bool) for one in pair)
        expect(seen.shape == new.shape == cars.shape, SHARE)
        expect(not set(cars[seen]) & set(cars[new]), LEAK)
        expect((seen ^ new).all() and seen.any() and new.any(), SHARE)
        expect(2 <= len(set(cars[new])) <= 4, ALWAYS_THE_SAME if len(set(lengths)) > 1 else SHARE)


def _scale(script: Script) -> None:
    random = np.random.RandomState(5)
    seen = random.normal([90, 0.1], [5, 0.01], (40, 6, 2))
    new = random.normal([120, 0.3], [5, 0.01], (20, 6, 2))
    pair = script.call("scale", seen.copy(), new.copy())
    a, b = (_numbers(script, "scale", one) for one in pair)
    mean, spread = seen.mean((0, 1)), seen.std((0, 1))
    both = np.concatenate([seen, new])
    together = (seen - both.mean((0, 1))) / both.std((0, 1))
    expect(a.shape == seen.shape and not np.allclose(a, together, atol=0.02), PEEKED)
    expect(np.abs(a.mean((0, 1))).max() < 0.02 and np.abs(a.std((0, 1)) - 1).max() < 0.02, SCALE)
    expect(b.shape == new.shape and np.allclose(b, (new - mean) / spread, rtol=0.05, atol=0.05), PEEKED)


def _net(script: Script) -> Any:
    mx.random.seed(6)
    net = script.call("make_net")
    expect(isinstance(net, mx.gluon.Block), NET)
    return net


def _scores(script: Script) -> None:
    X = mx.nd.random.normal(0, 1, shape=(60, 10, 3))
    net = _net(script)
    scores = array(script, "net(X)", script.ask(net, X)).reshape(-1)
    far = array(script, "net(X)", script.ask(net, 200 * X)).reshape(-1)
    expect(scores.shape == (60,), NET)
    expect((far < 0).any() and np.abs(far).max() > 1.001, RAW)
    p = array(script, "probability", script.call("probability", net, X))
    expect((p >= 0).all() and (p <= 1).all(), RANGE)
    expect(p.shape == (60,), PROBABILITY_SHAPE)
    expect(np.allclose(p, 1 / (1 + np.exp(-scores)), atol=1e-4), PROBABILITY)


def _brier(script: Script) -> None:
    for p, y, wanted in (([1, 0.5], [1, 0], 0.125), ([0, 0, 1, 1], [0, 1, 1, 1], 0.25), ([0.2], [0], 0.04)):
        for kind in (np.array, mx.nd.array):
            found = script.call("brier", *(kind(np.array(one, np.float32)) for one in (p, y)))
            expect(abs(number(script, "brier", found) - wanted) < 1e-4, BRIER)


def _cars(count: int) -> tuple[Array, Array]:
    """Scaled windows (n, 8, 3) and labels (n,) of cars that wear out."""
    random = np.random.RandomState(11)
    X, y = [], []
    for _ in range(count):
        life = random.randint(50, 80)
        wear = np.linspace(0, 1, life) ** 3
        log = np.stack([4 * wear - 1, 3 * wear - 1, np.zeros(life)], 1) + random.normal(0, 0.3, (life, 3))
        X += [log[start : start + 8] for start in range(life - 7)]
        y += (np.arange(life, 0, -1)[7:] <= 15).tolist()
    return np.array(X, np.float32), np.array(y, np.float32)


def _training(script: Script) -> None:
    X, y = _cars(16)
    net = _net(script)
    script.ask(net, mx.nd.array(X[:2]))
    half = len(X) // 2
    script.ask(script.value("train"), net, mx.nd.array(X[:half]), mx.nd.array(y[:half]), 0.02, 12)
    p = array(script, "probability", script.call("probability", net, mx.nd.array(X[half:])))
    base = float(((y[:half].mean() - y[half:]) ** 2).mean())
    expect(np.isfinite(p).all() and ((p - y[half:]) ** 2).mean() < 0.6 * base, NOT_LEARNED)


CHECKS = (
    Check("windows are stretches of rows, up to the newest", _windows),
    Check("fails_within labels the last rows before the failure", _labels),
    Check("split_cars keeps each car in one set", _split),
    Check("scale takes its measure from the training windows alone", _scale),
    Check("make_net gives raw scores, and probability makes probabilities of them", _scores),
    Check("brier is the mean squared difference", _brier),
    Check("train makes probabilities that are worth something", _training),
)
