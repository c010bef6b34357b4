# Lesson 9: hybridize, export, and run it without MXNet. The card: docs/lessons/09-export.md

# %% What you need
import os

import mxnet as mx
import numpy as np
import onnxruntime
from mxnet import gluon, init, nd
from mxnet.gluon import nn


# %% make_net(): a HybridSequential of Dense(16, relu) and Dense(3), initialized
def make_net():
    net = nn.HybridSequential()
    net.add(nn.Dense(16, activation="relu"), nn.Dense(3))
    net.initialize(init.Xavier())
    return net


# %% export(net, X, folder): leaves model-symbol.json and model-0000.params in the folder
def export(net, X, folder):
    net.hybridize()
    net(X)
    net.export(os.path.join(folder, "model"))


# %% load(folder): the net out of these two files, without the Python code that made it; its input is named "data"
def load(folder):
    symbol, params = (os.path.join(folder, name) for name in ("model-symbol.json", "model-0000.params"))
    return gluon.SymbolBlock.imports(symbol, ["data"], params)


# %% to_onnx(folder, shape): makes model.onnx in the folder out of the two files; `shape`: of a batch, such as (1, 4)
def to_onnx(folder, shape):
    symbol, params, path = (
        os.path.join(folder, name) for name in ("model-symbol.json", "model-0000.params", "model.onnx")
    )
    return mx.onnx.export_model(symbol, params, [shape], [np.float32], path)


# %% predict_without_mxnet(path, X): what the ONNX file says of a NumPy batch X, by onnxruntime alone; a NumPy array
def predict_without_mxnet(path, X):
    session = onnxruntime.InferenceSession(path)
    return session.run(None, {session.get_inputs()[0].name: X})[0]


# %% Try it: do the net, the loaded net and ONNX say the same?
if __name__ == "__main__":
    folder = os.environ.get("RIG_RUN_DIR", ".")
    X = nd.random.normal(shape=(1, 4))
    net = make_net()
    export(net, X, folder)
    to_onnx(folder, (1, 4))
    print(net(X), load(folder)(X), predict_without_mxnet(os.path.join(folder, "model.onnx"), X.asnumpy()))
