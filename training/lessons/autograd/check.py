"""Lesson 1: arrays, gradients against finite differences, and a walk downhill."""

from __future__ import annotations

import numpy as np

from training.compat import NDArray, mx
from training.lessons.gluon_hints import graph_errors
from training.lessons.hint import Check, Hint, KnownError, expect
from training.lessons.probes import array, slopes
from training.lessons.script import Script

AXIS = Hint(
    "axis",
    "`column_means` gives one number for each row, not for each column.",
    "In a data set a row is an example and a column a feature; the wrong way, speeds are mixed with temperatures.",
    "Which axis of a (rows, columns) matrix must disappear so that (columns,) is left?",
)
ONE_MEAN = Hint(
    "one-mean",
    "`column_means` gives a result of another shape than (columns,).",
    "Without an axis, everything is averaged into one number; with a kept axis, a second dimension stays.",
    "Print the shape of your result for a matrix of 3 rows and 4 columns: it must be (4,).",
)
MEAN = Hint(
    "mean",
    "`column_means` has the right shape and wrong numbers.",
    "A sum grows with the number of rows; a mean does not, which is why one compares means.",
    "Work out one column with a pencil and compare.",
)
NOT_RECORDED = Hint(
    "not-recorded",
    "The function f was computed while autograd was not recording.",
    "MXNet keeps what a gradient needs only inside a recording; outside it computes and forgets.",
    "Which block must be open around the line that calls f?",
)
NOT_ATTACHED = Hint(
    "not-attached",
    "There is no place yet where the gradient of x could be put.",
    "An array has no gradient by itself: one says beforehand for which arrays it is wanted.",
    "What must be asked of x before the recording begins?",
)
NO_BACKWARD = Hint(
    "no-backward",
    "The gradient is still all zeros.",
    "Recording only remembers the way forward; nobody has walked it back yet.",
    "What has to be called on y after the recording, before x.grad is read?",
)
VALUE = Hint(
    "value",
    "`gradient_of` gives f(x) itself back, not its gradient.",
    "The value says how high you stand; only the gradient says which way is down.",
    "After y.backward(), where does the gradient lie?",
)
GRADIENT = Hint(
    "gradient",
    "`gradient_of` does not agree with the slope measured by small steps.",
    "A small step to each side of x measures the slope without any theory; both must agree.",
    "Try f(x) = x * x at x = 3, where you know the slope, and compare.",
)
SUMMED = Hint(
    "summed-up",
    "The second gradient at the same x is not the same as the first: old gradients are added to new ones.",
    "With grad_req='add' each backward adds to x.grad; that is for special cases, and then somebody must empty it.",
    "Look at how the gradient of x is attached: what does it do with the old one?",
)
UPHILL = Hint(
    "uphill",
    "`descend` walks up: f is larger at the end than at the start.",
    "The gradient points to where f grows. Learning wants the opposite.",
    "Look at the sign in your update.",
)
STANDS_STILL = Hint(
    "stands-still",
    "`descend` ends where it began.",
    "A new value that is not kept in x, or a gradient that is never renewed, leaves everything as it was.",
    "Print x in each step, and what the function returns at the end.",
)
NOT_AT_THE_BOTTOM = Hint(
    "not-at-the-bottom",
    "`descend` goes down, but does not end where it must after so many steps.",
    "One step moves x by lr times the gradient at the present x; after 50 steps of 0.1 on (x - 3)^2, x is near 3.",
    "Print x and its gradient in each step, and count the steps.",
)
ERRORS = (*graph_errors(NOT_ATTACHED, NOT_RECORDED), KnownError("'NoneType' object", NOT_ATTACHED))


def _means(script: Script) -> None:
    for A in (np.arange(12).reshape(3, 4), np.array([[1.0, 5.0], [3.0, -1.0]]), np.ones((4, 1)) * 2):
        A = A.astype(np.float32)
        means = array(script, "column_means", script.call("column_means", mx.nd.array(A)))
        expect(means.shape == (A.shape[1],) or A.shape[0] != means.size, AXIS)
        expect(means.shape == (A.shape[1],), ONE_MEAN)
        expect(A.shape[0] != A.shape[1] or not np.allclose(means, A.mean(1)), AXIS)
        expect(np.allclose(means, A.mean(0), atol=1e-4), MEAN)


def _cubic(x: NDArray) -> NDArray:
    return x * x * x - 2 * x


def _with_a_branch(x: NDArray) -> NDArray:
    return x.sin() if x.norm().asscalar() > 2 else 5 * x


def _gradient(script: Script) -> None:
    heard: list[bool] = []

    def f(x: NDArray) -> NDArray:
        heard.append(mx.autograd.is_recording())
        return _cubic(x)

    x = np.array([[0.5, -1.0], [2.0, 0.25]], np.float32)
    grad = array(script, "gradient_of", script.call("gradient_of", f, mx.nd.array(x)))
    expect(any(heard), NOT_RECORDED)
    expect(not np.allclose(grad, 0), NO_BACKWARD)
    expect(grad.shape != x.shape or not np.allclose(grad, x**3 - 2 * x, atol=1e-3), VALUE)
    for g, at in ((_cubic, x), (_with_a_branch, x), (_with_a_branch, x / 4), (mx.nd.exp, x[0])):
        grad = array(script, "gradient_of", script.call("gradient_of", g, mx.nd.array(at)))
        expect(grad.shape == at.shape and np.allclose(grad, slopes(g, at), rtol=2e-2, atol=2e-2), GRADIENT)


def _again(script: Script) -> None:
    x = mx.nd.array([1.0, 2.0])
    first = array(script, "gradient_of", script.call("gradient_of", _cubic, x)).copy()
    expect(np.allclose(first, array(script, "gradient_of", script.call("gradient_of", _cubic, x))), SUMMED)


def _bowl(x: NDArray) -> NDArray:
    return (x - 3) ** 2


def _walk(script: Script) -> None:
    start = np.array([0.0, 10.0], np.float32)
    end = array(script, "descend", script.call("descend", _bowl, mx.nd.array(start), 0.1, 50))
    expect(not np.allclose(end, start), STANDS_STILL)
    expect(np.abs(end - 3).max() < 7, UPHILL)
    expect(np.allclose(end, 3, atol=1e-2), NOT_AT_THE_BOTTOM)
    once = array(script, "descend", script.call("descend", _bowl, mx.nd.array(start), 0.25, 1))
    expect(np.allclose(once, start - 0.25 * 2 * (start - 3), atol=1e-3), NOT_AT_THE_BOTTOM)


CHECKS = (
    Check("column_means gives one mean for each column", _means),
    Check("gradient_of agrees with slopes measured by small steps", _gradient),
    Check("asked twice, gradient_of says the same twice", _again),
    Check("descend ends at the bottom", _walk),
)
