# Bars by tqdm, scalars for a board by whichever writer is there, a checkpoint in every epoch, and only the last two kept.
import glob
import os
import sys

import mxnet as mx
from mxnet import autograd, gluon
from tqdm import tqdm, trange

try:
    from mxboard import SummaryWriter
except ImportError:
    SummaryWriter = None

net = gluon.nn.Dense(1)
net.initialize()
trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.1})
l2 = gluon.loss.L2Loss()
X = mx.nd.random.uniform(shape=(64, 3))
y = X.sum(axis=1)
board = SummaryWriter(logdir="./logs") if SummaryWriter else None
prefix = os.path.join("ckpt", "dense")
os.path.isdir("ckpt") or os.mkdir("ckpt")
for epoch in trange(4, desc="epochs", file=sys.stdout):
    bar = tqdm(gluon.data.DataLoader(gluon.data.ArrayDataset(X, y), 16, last_batch="rollover"), leave=False)
    for data, label in bar:
        with autograd.record():
            loss = l2(net(data), label)
        loss.backward()
        trainer.step(data.shape[0])
        bar.set_postfix(loss=float(loss.mean().asscalar()))
    if board:
        board.add_scalar("loss", float(loss.mean().asscalar()), epoch)
    net.save_parameters("%s-%04d.params" % (prefix, epoch))
    trainer.save_states(prefix + ".states")
    for old in sorted(glob.glob(prefix + "-*.params"))[:-2]:
        os.remove(old)
tqdm.write("done: " + " ".join(sorted(os.listdir("ckpt"))))
