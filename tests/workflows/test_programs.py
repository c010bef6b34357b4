"""Programs as people wrote them for MXNet, unmodified: here, and on an instance."""

from __future__ import annotations

import pytest

from tests.workflows.user import Person

MODULE = """\
# The symbolic half: no main guard, a neighbour's data read by a path beside the script, checkpoints beside the caller.
import os
import mxnet as mx
import numpy as np
from helpers.features import scaled

here = os.path.dirname(os.path.abspath(__file__))
table = np.loadtxt(os.path.join(here, "neighbours", "table.csv"), delimiter=",").astype(np.float)
X, y = scaled(table[:, :2]), table[:, 2].astype(np.int)
assert (y == 1).astype(np.bool).any()
train = mx.io.NDArrayIter(X, y, batch_size=8, shuffle=True, label_name="softmax_label")
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2), name="softmax")
mod = mx.mod.Module(net, context=mx.cpu())
if not os.path.isdir("checkpoints"):
    os.makedirs("checkpoints")
mod.fit(train, num_epoch=2, optimizer_params={"learning_rate": 0.5}, eval_metric="acc",
        epoch_end_callback=mx.callback.do_checkpoint("checkpoints/mod"))
print("accuracy", mod.score(train, "acc"))
"""
GLUON = """\
import argparse, os, sys
import mxnet as mx
from mxnet import autograd, gluon

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--fail", action="store_true")
args = parser.parse_args()

def main():
    data = gluon.data.vision.MNIST(train=False).transform_first(gluon.data.vision.transforms.ToTensor())
    some = gluon.data.SimpleDataset([data[i] for i in range(64)])
    batches = gluon.data.DataLoader(some, batch_size=32, shuffle=True, num_workers=2)
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(4, 5, activation="relu"), gluon.nn.Flatten(), gluon.nn.Dense(10))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "adam")
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    for epoch in range(args.epochs):
        for X, y in batches:
            X, y = X.as_in_context(mx.cpu()), y.as_in_context(mx.cpu())
            with autograd.record():
                loss = loss_of(net(X), y)
            loss.backward()
            trainer.step(len(X))
        print("epoch", epoch, "loss", float(loss.mean().asscalar()))
    net.export("exported")
    again = gluon.nn.SymbolBlock.imports("exported-symbol.json", ["data"], "exported-0000.params")
    print(again(X).shape)
    sys.exit(3 if args.fail else 0)

if __name__ == "__main__":
    main()
"""


# `make test` has these here and two of `programs/` on an instance, `make test-all` each of them in both places.
@pytest.mark.parametrize(
    "place", [pytest.param((), id="here"), pytest.param(("remote",), id="remote", marks=pytest.mark.exhaustive)]
)
def test_programs_of_mxnets_day_run_as_they_are(person: Person, place: tuple[str, ...]) -> None:
    pytest.importorskip("mxnet")
    below = person.folder / "old work"
    for folder in ("helpers", "neighbours"):
        (below / folder).mkdir(parents=True)
    (below / "helpers" / "__init__.py").write_text("")
    (below / "helpers" / "scale.py").write_text("FACTOR = 2.0\n")
    (below / "helpers" / "features.py").write_text("from .scale import FACTOR\ndef scaled(X): return X * FACTOR\n")
    (below / "neighbours" / "table.csv").write_text("".join(f"{i % 2},{i % 3},{i % 2}\n" for i in range(32)))
    (below / "module api.py").write_text(MODULE)
    (person.folder / "gluon_mnist.py").write_text(GLUON)
    if place:
        person.types("launch")

    person.types("train", *place, "--script", "old work/module api.py")
    person.types("train", *place, "--script", "gluon_mnist.py", "--args", "--epochs 1 --fail", code=1)
    assert "failed with exit code 3" in person.said

    runs = [path for path in sorted((person.folder / "runs").iterdir()) if not path.is_symlink()]
    beside = [run / "written" for run in runs] if place else [person.folder, person.folder]
    assert (beside[0] / "checkpoints" / "mod-0002.params").is_file()
    assert (beside[1] / "exported-symbol.json").is_file()
    assert not [path for run in runs for path in run.rglob("*idx*-ubyte*")], "data sets are no results"
    assert not [path for run in runs for path in run.rglob("gluon_mnist.py")], "nor is the code"
