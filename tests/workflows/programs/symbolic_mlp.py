# Symbolic MXNet: Module.fit, NDArrayIter, callbacks of the day, a checkpoint loaded again. No main guard.
import logging
import mxnet as mx
import numpy as np

logging.getLogger().setLevel(logging.DEBUG)
np.random.seed(7)
mx.random.seed(7)
X = np.random.uniform(-1, 1, (256, 2)).astype(np.float32)
y = (X[:, 0] * X[:, 1] > 0).astype(np.int)
train_iter = mx.io.NDArrayIter({"data": X[:200]}, {"softmax_label": y[:200]}, batch_size=20, shuffle=True)
val_iter = mx.io.NDArrayIter(X[200:], y[200:], batch_size=8)

data = mx.symbol.Variable("data")
fc1 = mx.sym.Activation(mx.sym.FullyConnected(data, name="fc1", num_hidden=16), act_type="relu")
net = mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(fc1, name="fc2", num_hidden=2), name="softmax")
mx.viz.print_summary(net, {"data": (1, 2)})

model = mx.mod.Module(symbol=net, context=mx.gpu() if mx.context.num_gpus() else mx.cpu())
model.fit(
    train_iter, eval_data=val_iter, eval_metric=["acc", "ce"], num_epoch=3, kvstore="local",
    initializer=mx.init.Xavier(), optimizer="sgd",
    optimizer_params={"learning_rate": 0.3, "momentum": 0.9,
                      "lr_scheduler": mx.lr_scheduler.FactorScheduler(step=50, factor=0.9)},
    batch_end_callback=[mx.callback.Speedometer(20, 5), mx.callback.log_train_metric(5)],
    epoch_end_callback=mx.callback.do_checkpoint("mlp", period=1),
)
sym, args, auxs = mx.model.load_checkpoint("mlp", 3)
again = mx.mod.Module(sym, data_names=["data"], label_names=["softmax_label"])
again.bind(data_shapes=val_iter.provide_data, label_shapes=val_iter.provide_label, for_training=False)
again.set_params(args, auxs)
print("predicted", again.predict(val_iter).asnumpy().shape, again.score(val_iter, "acc"))
