# A script in a sub-folder that imports the package beside it; data read from where it is called; names with blanks written.
from __future__ import absolute_import, division, print_function
import csv, glob, io, os, shutil, sys, pathlib
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir))
sys.path.append(ROOT)
import numpy as np
import mxnet as mx
from mxnet import gluon, autograd, lr_scheduler
import rig_net
from rig_net.layers import Tower

rows = np.genfromtxt("tower/data/x.csv", delimiter=",", names=True)
X = np.stack([rows[n] for n in rows.dtype.names[:-1]], 1).astype("float32")
y = rows["label"].astype("float32")
net = Tower(prefix="tower_")
net.initialize()
schedule = lr_scheduler.FactorScheduler(step=5, factor=.5)
trainer = gluon.Trainer(net.collect_params(), "nag", {"learning_rate": .1, "lr_scheduler": schedule, "momentum": .9, "wd": 1e-4})
data = gluon.data.DataLoader(gluon.data.ArrayDataset(X, y), batch_size=8, shuffle=True, num_workers=4, last_batch="rollover", pin_memory=False)
metric = mx.metric.Accuracy()
target = pathlib.Path(ROOT) / "experiments" / "tower (first try)"
if target.exists():
    shutil.rmtree(str(target))
target.mkdir(parents=True)
for epoch in range(3):
    metric.reset()
    for xb, yb in data:
        with autograd.record():
            p = net(xb)
            l = gluon.loss.SoftmaxCELoss()(p, yb)
        l.backward(); trainer.step(xb.shape[0]); metric.update([yb], [p])
    net.save_parameters(str(target / ("epoch=%02d, acc=%.2f.params" % (epoch, metric.get()[1]))))
    trainer.save_states(str(target / "trainer.states"))
(target / "überblick.txt").write_text("äöü €\n", encoding="utf-8")
(target / "empty").mkdir()
print(len(glob.glob(str(target / "*.params"))), "checkpoints")
