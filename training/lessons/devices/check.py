"""Lesson 8: `cpu(1)` stands for a second device, which MXNet keeps apart just as strictly."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from training.compat import NDArray, mx
from training.lessons.hint import Check, Hint, KnownError, expect
from training.lessons.probes import array, digits, number
from training.lessons.script import Script

NOT_A_DEVICE = Hint(
    "not-a-device",
    "`best_device` does not give a device (a Context).",
    "as_in_context and initialize want a Context, not a text or a number.",
    "Print the type of what your function returns, and look up how MXNet names a device.",
)
ALWAYS_CPU = Hint(
    "always-cpu",
    "`best_device` gives the CPU also where there is a GPU.",
    "The rented GPU would cost money and do nothing.",
    "How does one ask MXNet how many GPUs there are?",
)
ALWAYS_GPU = Hint(
    "always-gpu",
    "`best_device` gives a GPU also where there is none.",
    "The script should run unchanged here and there; the first array on a missing GPU is an error.",
    "How does one ask MXNet how many GPUs there are?",
)
LAYOUT = Hint(
    "layout",
    "`prepare` does not give the shape (n, 1, 28, 28).",
    "MNIST has the colour last, Conv2D wants it first (NCHW).",
    "Which method exchanges dimensions? (reshape only looks as if it did, when there are several colours.)",
)
RANGE = Hint(
    "range",
    "`prepare` does not give float32 values from 0 to 1.",
    "Pixels are whole numbers from 0 to 255; inputs that large make the first steps jump.",
    "Print the dtype of your result, and its largest value.",
)
SCRAMBLED = Hint(
    "scrambled",
    "`prepare` gives the right shape, and pictures that are scrambled.",
    "reshape keeps the order of the numbers in memory; only a transpose moves dimensions.",
    "Try a picture with two colours and look at one of them.",
)
WRONG_DEVICE = Hint(
    "wrong-device",
    "What `prepare` gives does not lie on the device that was asked for.",
    "A net on the GPU and a batch on the CPU do not meet: MXNet refuses to compute with both.",
    "Print the context of what you return. A move gives a new array; the old one stays where it was.",
)
TO_TENSOR = Hint(
    "to-tensor",
    "The pictures are transformed on the device, after the move.",
    "ToTensor and its kin are made for the CPU, where pictures are read; on a GPU they fail, or wait.",
    "In which order do the two things happen?",
)
NET_DEVICE = Hint(
    "net-device",
    "The net's parameters do not lie on the device that was asked for.",
    "A net lives where it was initialized; nothing moves it by itself.",
    "Which argument of `initialize` says where?",
)
WIDTH = Hint(
    "width",
    "`make_net` does not have a hidden layer of the width that was asked for, and ten scores.",
    "The lesson measures small and large nets; with one fixed width there is nothing to compare.",
    "Where does the argument `width` go?",
)
NOT_WAITED = Hint(
    "not-waited",
    "`seconds_of` stops the clock before the work is done.",
    "MXNet puts work into a queue and comes back at once; you have measured the queueing alone. On a GPU even more so.",
    "What makes Python wait until everything is computed? It belongs before the clock is read.",
)
WARM_UP = Hint(
    "warm-up",
    "`seconds_of` counts the first call too.",
    "The first call compiles, looks for the fastest way and asks for memory; no later one does.",
    "What should happen once before the clock starts, waiting included?",
)
AVERAGE = Hint(
    "average",
    "`seconds_of` does not give the seconds of one call.",
    "Numbers can be compared only when they are about the same thing: one call.",
    "Count the calls of `work` between the two looks at the clock.",
)
REPEATS = Hint(
    "repeats",
    "`seconds_of` does not call the work as often as was asked for.",
    "One call alone is mostly chance: other programs, caches, the clock itself.",
    "Where is `repeats` used?",
)
ERRORS: tuple[KnownError, ...] = (
    KnownError("same context", WRONG_DEVICE),
    KnownError("GPU is not enabled", ALWAYS_GPU),
)


def _device(script: Script) -> None:
    found = script.call("best_device")  # here, with the GPUs there are
    expect(isinstance(found, mx.Context), NOT_A_DEVICE)
    for gpus, wanted, hint in ((0, "cpu", ALWAYS_GPU), (2, "gpu", ALWAYS_CPU)):
        with _pretended(script, gpus) as asked:
            found = script.call("best_device")
        tries = not asked and _calls(script, "best_device", "gpu")  # by trial, `try: nd.zeros(1, ctx=gpu())`, works too
        expect(found.device_type == wanted or (tries and found.device_type == "cpu"), hint)


@contextmanager
def _pretended(script: Script, gpus: int) -> Iterator[list[str]]:
    """MXNet counts *gpus* GPUs, under all names of the question; yields the list of times it was asked."""
    asked: list[str] = []

    def count() -> int:
        asked.append("how many?")
        return gpus

    with (
        patch.object(mx.context, "num_gpus", count),
        patch.object(mx.util, "get_gpu_count", count),
        patch.dict(script.names, {name: count for name in ("num_gpus", "get_gpu_count") if name in script.names}),
    ):
        yield asked


def _calls(script: Script, function: str, name: str) -> bool:
    """Whether the script's *function* calls *name*."""
    bodies = [n for n in ast.walk(ast.parse(script.source)) if isinstance(n, ast.FunctionDef) and n.name == function]
    calls = [node for body in bodies for node in ast.walk(body) if isinstance(node, ast.Call)]
    return any(ast.unparse(call.func).rpartition(".")[2] == name for call in calls)


def _prepare(script: Script) -> None:
    images, _ = digits(6)
    other = mx.cpu(1)
    seen: list[Any] = []
    to_tensor = mx.nd.image.to_tensor

    def watched(data: Any, *words: Any, **named: Any) -> Any:
        seen.append(data.context)
        return to_tensor(data, *words, **named)

    with patch.object(mx.nd.image, "to_tensor", watched):
        batch = script.call("prepare", images, other)
    pixels = array(script, "prepare", batch)
    expect(pixels.shape == (6, 1, 28, 28), LAYOUT)
    expect(pixels.dtype == np.float32 and pixels.max() <= 1 and pixels.max() > 0.5, RANGE)
    expect(np.allclose(pixels[:, 0], images.asnumpy()[..., 0] / 255, atol=1e-5), SCRAMBLED)
    expect(batch.context == other, WRONG_DEVICE)
    expect(other not in seen, TO_TENSOR)


def _net(script: Script) -> None:
    other = mx.cpu(1)
    net = script.call("make_net", other, 48)
    X = mx.nd.random.normal(0, 1, shape=(3, 1, 28, 28), ctx=other)
    here = [one.list_ctx() for one in net.collect_params().values()]
    expect(here and all(places == [other] for places in here), NET_DEVICE)
    scores = array(script, "net(X)", script.ask(net, X))
    shapes = [one.shape for one in net.collect_params().values()]
    expect(scores.shape == (3, 10) and any(shape[0] == 48 for shape in shapes), WIDTH)


class _Work:
    """Queues products of matrices, and comes back at once."""

    def __init__(self) -> None:
        self.calls = 0
        self.small = mx.nd.random.normal(0, 0.05, shape=(400, 400))
        mx.nd.waitall()

    def __call__(self) -> NDArray:
        self.calls += 1
        X = self.small
        for _ in range(8):
            X = mx.nd.dot(X, self.small)
        return X


class _SlowStart:
    """Takes a little time in each call, and much in the first. Notes when each call began and ended."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    def __call__(self) -> NDArray:
        begun = time.perf_counter()
        time.sleep(0.02 if self.times else 0.5)
        self.times.append((begun, time.perf_counter()))
        return mx.nd.zeros(1)


def _seconds(script: Script) -> None:
    """Whether it waited is seen from the calls, not from the clock: the computer may be busy."""
    work = _Work()
    with _Waits(work, script) as waits:
        seconds = number(script, "seconds_of", script.call("seconds_of", work, 5))
    expect(work.calls >= 5, REPEATS)
    expect(waits.after == work.calls, NOT_WAITED)
    expect(seconds > 0, AVERAGE)


def _average(script: Script) -> None:
    work, repeats = _SlowStart(), 5
    seconds = number(script, "seconds_of", script.call("seconds_of", work, repeats))
    expect(len(work.times) >= repeats, REPEATS)
    expect(len(work.times) > repeats, WARM_UP)
    counted = work.times[-repeats:]
    really = (counted[-1][1] - counted[0][0]) / repeats
    expect(0.9 * 0.02 <= seconds < 2 * really, AVERAGE)


class _Waits:
    """Notes how many calls of *work* had been made when the script last waited for MXNet."""

    def __init__(self, work: _Work, script: Script) -> None:
        self.work, self.script, self.after = work, script, 0
        self._patches: list[Any] = []

    def __enter__(self) -> _Waits:
        for owner, name in ((mx.nd, "waitall"), (mx.nd.NDArray, "wait_to_read"),
                            (mx.nd.NDArray, "asnumpy"), (mx.nd.NDArray, "asscalar")):  # fmt: skip
            self._patches.append(patch.object(owner, name, self._noting(getattr(owner, name))))
        own = {name: self._noting(value) for name, value in self.script.names.items() if value is mx.nd.waitall}
        self._patches.append(patch.dict(self.script.names, own))
        for one in self._patches:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._patches:
            one.stop()

    def _noting(self, wait: Any) -> Any:
        def noting(*words: Any, **named: Any) -> Any:
            self.after = self.work.calls
            return wait(*words, **named)

        return noting


CHECKS = (
    Check("best_device takes the GPU where there is one", _device),
    Check("prepare transforms on the CPU, then moves", _prepare),
    Check("make_net puts the net on the device", _net),
    Check("seconds_of waits until the work is done", _seconds),
    Check("seconds_of gives the seconds of one call, without the first", _average),
)
