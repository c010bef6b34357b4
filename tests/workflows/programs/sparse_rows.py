# Sparse data and row_sparse weights: LibSVMIter from a file in /tmp, a KVStore, a custom metric, cPickle of the day.
import os, tempfile
try:
    import cPickle as pickle
except ImportError:
    import pickle
import mxnet as mx
import numpy as np

np.random.seed(1)
work = tempfile.mkdtemp(prefix="avazu-", dir="/tmp")
path = os.path.join(work, "train.libsvm")
with open(path, "w") as f:
    for i in range(64):
        cols = sorted(np.random.choice(100, 5, replace=False))
        f.write("%d %s\n" % (cols[0] < 10, " ".join("%d:%.2f" % (c, np.random.rand()) for c in cols)))
train = mx.io.LibSVMIter(data_libsvm=path, data_shape=(100,), batch_size=8)
x = mx.sym.Variable("data", stype="csr")
w = mx.sym.Variable("weight", shape=(100, 2), init=mx.initializer.Normal(0.01), stype="row_sparse")
b = mx.sym.Variable("bias", shape=(2,), init=mx.initializer.Zero())
net = mx.sym.SoftmaxOutput(mx.sym.broadcast_add(mx.sym.sparse.dot(x, w), b), mx.sym.Variable("softmax_label"), name="softmax")
mod = mx.mod.Module(net, data_names=["data"], label_names=["softmax_label"])
mod.bind(train.provide_data, train.provide_label)
mod.init_params()
kv = mx.kvstore.create("local")
mod.init_optimizer(kvstore=kv, optimizer=mx.optimizer.Adam(learning_rate=.1, rescale_grad=1. / 8, lazy_update=True))
metric = mx.metric.create(["acc", "nll_loss"])
for epoch in range(3):
    train.reset(); metric.reset()
    for batch in train:
        row_ids = batch.data[0].indices
        mod.prepare(batch, sparse_row_id_fn=lambda b: {"weight": b.data[0].indices})
        mod.forward_backward(batch)
        mod.update()
        mod.update_metric(metric, batch.label)
    print("epoch %d, %s" % (epoch, metric.get()))
mod.save_checkpoint("sparse", 3, save_optimizer_states=True)
embed = mx.gluon.nn.Embedding(50, 4, sparse_grad=True)
embed.initialize()
trainer = mx.gluon.Trainer(embed.collect_params(), "sgd", {"learning_rate": 1})
with mx.autograd.record():
    out = embed(mx.nd.array([1, 2, 2])).sum()
out.backward()
print(embed.weight.grad().stype, embed.weight.grad().indices.asnumpy())
trainer.step(1)
pickle.dump({"metric": metric.get_name_value()}, open("metric.pkl", "wb"), protocol=2)
