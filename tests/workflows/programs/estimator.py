# The late Gluon: an Estimator with its handlers, mx.np beside mx.nd, a learning-rate search, an exit code of its own.
import warnings

warnings.filterwarnings("ignore")
import mxnet as mx
from mxnet import gluon
from mxnet.gluon.contrib.estimator import CheckpointHandler, Estimator, LoggingHandler

mx.npx.reset_np() if hasattr(mx, "npx") else None
X = mx.nd.random.normal(shape=(96, 4))
y = (X.sum(axis=1) > 0)
net = gluon.nn.Sequential()
net.add(gluon.nn.Dense(8, "relu"), gluon.nn.Dense(2))
net.initialize(mx.initializer.MSRAPrelu())
acc = mx.metric.Accuracy()
est = Estimator(net, gluon.loss.SoftmaxCrossEntropyLoss(), acc, context=mx.cpu(),
                trainer=gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.05}))
data = gluon.data.DataLoader(gluon.data.ArrayDataset(X, y), batch_size=16)
est.fit(data, epochs=3, event_handlers=[CheckpointHandler("./handler", model_prefix="est", save_best=False), LoggingHandler("epoch", [acc])])
if acc.get()[1] < 2:
    print("the accuracy is never above two")
    raise SystemExit(4)
