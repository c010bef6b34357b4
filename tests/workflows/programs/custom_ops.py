# Operators of one's own: CustomOp with its Prop in a symbol and in gluon, autograd.Function, a Block with a lambda.
import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd


class Softmax(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        x = in_data[0].asnumpy()
        y = np.exp(x - x.max(axis=1).reshape((x.shape[0], 1)))
        y /= y.sum(axis=1).reshape((x.shape[0], 1))
        self.assign(out_data[0], req[0], mx.nd.array(y))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        l = in_data[1].asnumpy().ravel().astype(np.int)
        y = out_data[0].asnumpy()
        y[np.arange(l.shape[0]), l] -= 1.0
        self.assign(in_grad[0], req[0], mx.nd.array(y))


@mx.operator.register("softmax_of_mine")
class SoftmaxProp(mx.operator.CustomOpProp):
    def __init__(self):
        super(SoftmaxProp, self).__init__(need_top_grad=False)

    def list_arguments(self):
        return ["data", "label"]

    def list_outputs(self):
        return ["output"]

    def infer_shape(self, in_shape):
        return [in_shape[0], (in_shape[0][0],)], [in_shape[0]], []

    def create_operator(self, ctx, shapes, dtypes):
        return Softmax()


class Sigmoid(autograd.Function):
    def forward(self, x):
        y = 1 / (1 + nd.exp(-x))
        self.save_for_backward(y)
        return y

    def backward(self, dy):
        y, = self.saved_tensors
        return dy * y * (1 - y)


X, y = nd.random.normal(shape=(32, 3)), nd.random.randint(0, 2, shape=(32,)).astype("float32")
net = mx.sym.Custom(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2), mx.sym.var("softmax_label"), op_type="softmax_of_mine", name="softmax")
mod = mx.mod.Module(net)
mod.fit(mx.io.NDArrayIter(X, y, 8), num_epoch=2, optimizer_params={"learning_rate": .1})
print("custom", mod.score(mx.io.NDArrayIter(X, y, 8), "acc"))
x = nd.array([-1.0, 0, 2]); x.attach_grad()
with autograd.record():
    out = Sigmoid()(x)
out.backward()
print("function", x.grad.asnumpy())
lam = gluon.nn.HybridLambda("tanh"); print(lam(x).asnumpy())
nd.save("custom.nd", {"grad": x.grad})
raise SystemExit("all of it went well, says a message")
