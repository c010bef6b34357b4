"""What several checks need: numbers out of whatever the learner gave back, slopes, made-up data, real digits."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from training.compat import NDArray, mx
from training.lessons.hint import Hint, Lacks, wrong_kind
from training.lessons.script import Script

Array = np.ndarray[Any, Any]


def array(script: Script, name: str, value: Any) -> Array:
    """*value* as NumPy, errors that MXNet kept until now included. Raises Lacks for what is no NDArray."""
    if not isinstance(value, mx.nd.NDArray):
        raise Lacks(wrong_kind(name, "an NDArray", value))
    read: Array = script.ask(value.asnumpy)
    return read


def number(script: Script, name: str, value: Any) -> float:
    """A Python number, a NumPy number, or an array of one element. Raises Lacks."""
    if isinstance(value, mx.nd.NDArray):
        value = script.ask(value.asnumpy)
    if isinstance(value, np.ndarray) and value.size == 1:
        return float(value.reshape(-1)[0])
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return float(value)
    raise Lacks(wrong_kind(name, "one number", value))


def slopes(f: Callable[[NDArray], NDArray], x: Array, step: float = 1e-2) -> Array:
    """The gradient of sum f at *x*, by central differences."""
    grad = np.zeros_like(x, np.float64)
    for place in np.ndindex(*x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[place] += step
        behind[place] -= step
        grad[place] = float((f(mx.nd.array(ahead)).sum() - f(mx.nd.array(behind)).sum()).asscalar()) / (2 * step)
    return grad


def equally_far(once: Array, twice: Array) -> bool:
    """Whether two moves are of about the same length. A move of nothing says nothing: True."""
    lengths = float(np.linalg.norm(once)), float(np.linalg.norm(twice))
    return min(lengths) < 1e-9 or 0.75 < lengths[1] / lengths[0] < 1.33


def refuse(script: Script, modules: Collection[str], hint: Hint) -> None:
    """Raises Lacks when the script imports, or reaches, one of *modules* or something in it."""
    for name in script.imports():
        if any(name == module or name.startswith(f"{module}.") for module in modules):
            raise Lacks(hint)


def line_data(examples: int = 400) -> tuple[NDArray, NDArray]:
    """X (n, 2) and y (n,) of y = 2 a - 3.4 b + 4.2 and a little noise."""
    random = np.random.RandomState(7)
    X = random.normal(0, 1, (examples, 2)).astype(np.float32)
    y = X @ np.array([2.0, -3.4], np.float32) + 4.2 + random.normal(0, 0.01, examples)
    return mx.nd.array(X), mx.nd.array(y)


@functools.cache
def _mnist(*, train: bool) -> Any:
    return mx.gluon.data.vision.MNIST(train=train)


def digits(examples: int, *, train: bool = True) -> tuple[NDArray, NDArray]:
    """The first digits of MNIST: X (n, 28, 28, 1) uint8, y (n,) int32."""
    images, labels = _mnist(train=train)[:examples]
    return images, mx.nd.array(labels, dtype="int32")


def flat_digits(examples: int, *, train: bool = True) -> tuple[NDArray, NDArray]:
    """X (n, 784) float32 in 0..1, y (n,) int32."""
    images, labels = digits(examples, train=train)
    return images.reshape((examples, -1)).astype("float32") / 255, labels
