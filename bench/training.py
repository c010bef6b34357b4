"""How fast the training loop is: samples/s against a hand-written MXNet loop, and against PyTorch.

    python bench/training.py                          all nets, nine rounds; takes the better part of an hour
    python bench/training.py --nets lenet --rounds 5
    python bench/training.py --torch PATH/bin/python  a Python that has PyTorch (else it is left out, by name)
    python bench/training.py --busy 1                 beside so many programs that do nothing but keep a core busy
    python bench/training.py --stolen                 beside one of a higher priority on each core, as a hypervisor that
                                                      lends the cores to somebody else (root)
    python bench/training.py --eager                  without torch.compile, which takes more than half of the time

Each measurement is a process of its own, and the contenders take turns, so that a busy machine is unfair to all alike.
Quote the ratios, not the absolute figures. Same data, net, batch, optimizer and two threads for everybody; whole epochs
are timed, from shuffling the set to the end of the last step, after one epoch to warm up. PyTorch runs in the
environment that it has of its own and in ours, eagerly and compiled; each round counts the best of the four.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from training.compat import A_CORE_EACH, PLACES, SPIN_COUNT

BATCH = {"lenet": 128, "mlp": 256, "lstm": 256, "gru": 256, "resnet": 128}
SHAPE = {"lenet": (1, 28, 28), "mlp": (784,), "lstm": (50, 14), "gru": (50, 14), "resnet": (3, 32, 32)}
STEPS = {"lenet": 128, "mlp": 320, "lstm": 48, "gru": 48, "resnet": 3}  # in an epoch, of half a second to two
EPOCHS = 6
RECURRENT = ("lstm", "gru")  # these forecast a number, with Adam
THREADS = 2


def examples(net: str) -> tuple[Any, Any]:
    """Made-up floats and labels for an epoch."""
    import numpy as np

    count = BATCH[net] * STEPS[net]
    random = np.random.RandomState(0)
    X = random.uniform(0, 1, (count, *SHAPE[net])).astype(np.float32)
    return X, (
        random.uniform(0, 1, count).astype(np.float32)
        if net in RECURRENT
        else random.randint(0, 10, count).astype(np.int32)
    )


def mxnet_net(name: str) -> Any:
    from training.compat import mx
    from training.nets.lenet import lenet
    from training.nets.mlp import mlp
    from training.nets.resnet import resnet

    class Last(mx.gluon.HybridBlock):
        def __init__(self, cell: Any) -> None:
            super().__init__()
            self.cell = cell(64, layout="NTC")
            self.out = mx.gluon.nn.Dense(1)

        def hybrid_forward(self, F: Any, X: Any) -> Any:
            return self.out(F.slice_axis(self.cell(X), axis=1, begin=-1, end=None))

    nets: dict[str, Callable[[], Any]] = {
        "lenet": lenet,
        "mlp": lambda: mlp([256, 256], 10),
        "lstm": lambda: Last(mx.gluon.rnn.LSTM),
        "gru": lambda: Last(mx.gluon.rnn.GRU),
        "resnet": resnet,
    }
    return nets[name]()


def mxnet_loss(name: str) -> Any:
    from training.compat import mx

    return mx.gluon.loss.L2Loss() if name in RECURRENT else mx.gluon.loss.SoftmaxCrossEntropyLoss()


def ours(name: str) -> float:
    """The product's loop as it is, with its log; evaluation and checkpoints between two epochs are left out."""
    from training.compat import mx
    from training.config import JobConfig, parse
    from training.console import Console
    from training.data.splits import Data, Split
    from training.train import train_and_evaluate
    from training.trainer.batches import in_order
    from training.trainer.learner import GluonLearner
    from training.trainer.recipe import Recipe, first_batch
    from training.trainer.signals import StopRequest

    X, y = examples(name)
    data = Data(Split(X, y), Split(X[:256], y[:256]), Split(X[:256], y[:256]), "made up", "none")
    seconds = []

    def timed(*args: Any) -> Iterator[Any]:
        started = time.perf_counter()
        yield from in_order(*args)
        mx.nd.waitall()
        seconds.append(time.perf_counter() - started)

    recipe = Recipe(
        config=JobConfig,
        data=lambda _: data,
        learner=lambda config, data, devices: GluonLearner(
            mxnet_net(name), mxnet_loss(name), config, devices, example=first_batch(data, config)
        ),
        metrics=lambda outputs, y: {"loss": 0.0},
        best="loss",
        name=name,
        minibatches=timed,
    )
    optimizer = "adam" if name in RECURRENT else "sgd"
    words = [f"batch_size={BATCH[name]}", f"num_epochs={EPOCHS}", "device=cpu", "lr=0.001", f"optimizer={optimizer}"]
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w") as quiet:
        train_and_evaluate(recipe, parse(JobConfig, words), Path(folder), console=Console(quiet), stop=StopRequest())
    return _speed(name, seconds)


def by_hand(name: str) -> float:
    """The best loop one would write: net and loss compiled together, the set shuffled once an epoch and sliced, losses
    read at the end."""
    from training.compat import mx

    class NetAndLoss(mx.gluon.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.loss = net, mxnet_loss(name)

        def hybrid_forward(self, F: Any, X: Any, y: Any) -> Any:
            return F.sum(self.loss(self.net(X), y))

    net = mxnet_net(name)
    net.initialize(mx.init.Xavier())
    whole = NetAndLoss()
    whole.hybridize(static_alloc=True, static_shape=True)
    X, y = (mx.nd.array(part, dtype=part.dtype) for part in examples(name))
    net(X[: BATCH[name]])
    optimizer = "adam" if name in RECURRENT else "sgd"
    trainer = mx.gluon.Trainer(net.collect_params(), optimizer, {"learning_rate": 0.001}, kvstore=None)

    def epoch() -> None:
        order = mx.nd.array(mx.nd.random.shuffle(mx.nd.arange(len(X))).asnumpy(), dtype="int32")
        shuffled_X, shuffled_y = mx.nd.take(X, order), mx.nd.take(y, order)
        total = mx.nd.zeros(1)
        for batch in _slices(name):
            with mx.autograd.record():
                value = whole(shuffled_X[batch], shuffled_y[batch])
            value.backward()
            trainer.step(BATCH[name])
            total = total + value
        mx.nd.waitall()

    return _timed(name, epoch)


def pytorch_compiled(name: str) -> float:
    """The same through torch.compile, which makes C++ of it and needs a compiler."""
    import torch

    return pytorch(name, torch.compile)


def pytorch(name: str, compiled: Callable[[Any], Any] = lambda net: net) -> float:
    """PyTorch, eager, as its tutorials write it. Runs in the Python given with --torch."""
    import torch
    from torch import nn

    from bench.pytorch_nets import NETS

    torch.set_num_threads(THREADS)
    net = compiled(NETS[name]())
    loss = nn.MSELoss() if name in RECURRENT else nn.CrossEntropyLoss()
    optimizer = (torch.optim.Adam if name in RECURRENT else torch.optim.SGD)(net.parameters(), lr=0.001)
    X, y = (torch.from_numpy(part) for part in examples(name))
    y = y if name in RECURRENT else y.long()

    def epoch() -> None:
        order = torch.randperm(len(X))
        shuffled_X, shuffled_y = X[order], y[order]
        total = torch.zeros(())
        for batch in _slices(name):
            optimizer.zero_grad()
            output = net(shuffled_X[batch])
            value = loss(output.squeeze(-1) if name in RECURRENT else output, shuffled_y[batch])
            value.backward()
            optimizer.step()
            total = total + value.detach()

    return _timed(name, epoch)


def _slices(name: str) -> list[slice]:
    return [slice(i * BATCH[name], (i + 1) * BATCH[name]) for i in range(STEPS[name])]


def _timed(name: str, epoch: Callable[[], None]) -> float:
    seconds = []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        epoch()
        seconds.append(time.perf_counter() - started)
    return _speed(name, seconds)


def _speed(name: str, seconds: Sequence[float]) -> float:
    """Samples per second of the middle one of all epochs but the first."""
    _, *measured = seconds
    return STEPS[name] * BATCH[name] / statistics.median(measured)


CONTENDERS = {"ours": ours, "by hand": by_hand, "PyTorch": pytorch, "PyTorch compiled": pytorch_compiled}
OURS = {"OMP_NUM_THREADS": str(THREADS)}  # the rest training/compat.py sets
TUNED = {**OURS, "GOMP_SPINCOUNT": SPIN_COUNT, PLACES: A_CORE_EACH}
Ways = Mapping[str, Sequence[tuple[str, Mapping[str, str]]]]
WAYS: Ways = {
    "ours": [("ours", OURS)],
    "by hand": [("by hand", OURS)],
    "PyTorch": [
        ("PyTorch", {}),
        ("PyTorch", TUNED),
        ("PyTorch compiled", {}),
        ("PyTorch compiled", TUNED),
    ],
}
"""Each row of the table by its contenders and their environments; of several, the best counts in each round."""
EAGER: Ways = {name: [way for way in ways if way[0] != "PyTorch compiled"] for name, ways in WAYS.items()}


def measure(contender: str, net: str, python: str, extra: Mapping[str, str]) -> float:
    """Samples per second; 0 for what does not run here, such as torch.compile without a compiler."""
    line = [python, __file__, "--one", contender, "--nets", net]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    done = subprocess.run(line, env={**environ, **extra}, capture_output=True, text=True)
    if done.returncode and contender != "PyTorch compiled":
        raise SystemExit(f"{contender} on {net}: {done.stderr}")
    return 0.0 if done.returncode else float(done.stdout.split()[-1])


@contextmanager
def company(lines: Sequence[Sequence[str]]) -> Iterator[None]:
    """These programs run in the meantime."""
    spinning = [subprocess.Popen(line) for line in lines]
    try:
        yield
    finally:
        for program in spinning:
            program.kill()
            program.wait()


SPIN: tuple[str, ...] = (sys.executable, "-c", "while True: pass")


def thieves() -> list[tuple[str, ...]]:
    """For each core a program that has three quarters of it, whoever else wants it."""
    cores = sorted(os.sched_getaffinity(0))
    return [("nice", "-n", "-5", "taskset", "--cpu-list", str(core), *SPIN) for core in cores]


def has_torch(python: str) -> bool:
    return subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0


def compare(nets: Sequence[str], rounds: int, torch_python: str, *, ways: Ways) -> None:
    pythons = {"ours": sys.executable, "by hand": sys.executable}
    if has_torch(torch_python):
        pythons["PyTorch"] = torch_python
    else:
        print(
            f"PyTorch is left out: {torch_python} has none. Make a venv with `pip install torch numpy` and say --torch."
        )
    others = [name for name in pythons if name != "ours"]
    print(f"{'net':<8} {'ours, samples/s':>16}" + "".join(f" {'/ ' + name + ' (range)':>22}" for name in others))
    for net in nets:
        found: dict[str, list[float]] = {name: [] for name in pythons}
        for _ in range(rounds):
            for name, python in pythons.items():
                found[name].append(max(measure(way, net, python, extra) for way, extra in ways[name]))
        cells = [_ratio(found["ours"], found[name]) for name in others]
        print(
            f"{net:<8} {statistics.median(found['ours']):>16,.0f}" + "".join(f" {cell:>22}" for cell in cells),
            flush=True,
        )


def _ratio(ours: Sequence[float], other: Sequence[float]) -> str:
    """The median of the rounds' ratios, each of two runs of one round, and how far apart the rounds were."""
    ratios = [a / b for a, b in zip(ours, other, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--nets", nargs="+", default=list(BATCH), choices=list(BATCH))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--torch", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--busy", type=int, default=0, metavar="PROGRAMS")
    parser.add_argument("--stolen", action="store_true")
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--one", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(CONTENDERS[given.one](given.nets[0]))
    else:
        with company([*[SPIN] * given.busy, *(thieves() if given.stolen else [])]):
            compare(given.nets, given.rounds, given.torch, ways=EAGER if given.eager else WAYS)


if __name__ == "__main__":
    main()
