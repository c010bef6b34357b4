# A package of its own beside it, found through sys.path; imports relative inside; settings in JSON; results in ../results.
import json
import os
import sys

root = os.path.split(os.path.abspath(__file__))[0]
sys.path.insert(0, root)
sys.path.append(os.path.join(root, ".."))

import mxnet as mx
from mxnet import gluon
from project.nets import small
from project.settings import HIDDEN

with open(os.path.join(root, "config.json")) as f:
    cfg = json.load(f)
net = small.build()
net.initialize()
net.hybridize()
x = mx.nd.ones((cfg["batch"], 4))
trainer = gluon.Trainer(net.collect_params(), cfg["optimizer"])
for _ in range(cfg["steps"]):
    with mx.autograd.record():
        loss = (net(x) ** 2).mean()
    loss.backward()
    trainer.step(1)
results = os.path.join(root, "..", "results")
if not os.path.exists(results):
    os.makedirs(results)
net.export(os.path.join(results, "small"), epoch=cfg["steps"])
json.dump({"loss": float(loss.asscalar()), "hidden": HIDDEN}, open(os.path.join(results, "scores.json"), "w"))
print("loss", loss.asscalar())
