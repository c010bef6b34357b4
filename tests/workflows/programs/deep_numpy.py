# MXNet's own NumPy and npx, with Python's argparse of sub-commands, a config of YAML, and results where the environment says.
import os, sys, json, getpass, platform, socket, time
import yaml
from mxnet import np, npx, autograd, gluon, init
from mxnet.gluon import nn

npx.set_np()
out_dir = os.environ.get("SM_MODEL_DIR") or os.environ.get("OUTPUT_DIR") or os.path.join(os.getcwd(), "model_out")
os.makedirs(out_dir, exist_ok=True)
print(getpass.getuser(), platform.node() == socket.gethostname(), time.tzname, sys.argv)
X = np.random.normal(size=(128, 5))
w = np.arange(5).astype(np.float32)
y = X.dot(w) + 1.5
net = nn.HybridSequential()
net.add(nn.Dense(8, activation="relu"), nn.BatchNorm(), nn.Dropout(0.1), nn.Dense(1))
net.initialize(init.Xavier())
net.hybridize(static_alloc=True, static_shape=True)
trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.05})
loss = gluon.loss.L2Loss()
for epoch in range(4):
    with autograd.record():
        l = loss(net(X), y.reshape(-1, 1)).mean()
    l.backward()
    trainer.step(1)
    print("epoch %d loss %.4f" % (epoch, float(l)))
net.export(os.path.join(out_dir, "net"))
npx.save(os.path.join(out_dir, "arrays"), {"w": w})
with open(os.path.join(out_dir, "run.yml"), "w") as f:
    yaml.dump({"loss": float(l), "args": sys.argv[1:]}, f, default_flow_style=False)
with open(os.path.expanduser("~/last_run.json"), "w") as f:
    json.dump({"loss": float(l)}, f)
