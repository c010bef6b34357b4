# Lesson 7: LeNet as a Block. The card: docs/lessons/07-lenet.md

# %% What you need
import os

from mxnet import autograd, context, cpu, gluon, gpu, init, nd
from mxnet.gluon import nn


# %% class LeNet: a Block of your own. Pictures (n, 1, 28, 28) -> ten scores
# 6 filters 5x5 with relu, pool 2x2 | 16 filters 5x5 with relu, pool 2x2 | 120 with relu | 84 with relu | 10
class LeNet(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.conv1 = nn.Conv2D(6, kernel_size=5, activation="relu")
            self.conv2 = nn.Conv2D(16, kernel_size=5, activation="relu")
            self.pool = nn.MaxPool2D(pool_size=2, strides=2)
            self.fc1 = nn.Dense(120, activation="relu")
            self.fc2 = nn.Dense(84, activation="relu")
            self.fc3 = nn.Dense(10)

    def forward(self, X):
        X = self.pool(self.conv1(X))
        X = self.pool(self.conv2(X))
        return self.fc3(self.fc2(self.fc1(X)))


# %% update_by_hand(net, lr, batch_size): one step of gradient descent on every parameter, without a Trainer
def update_by_hand(net, lr, batch_size):
    for param in net.collect_params().values():
        param.set_data(param.data() - lr * param.grad() / batch_size)


# %% train(net, X, y, lr, num_epochs, batch_size): the same with a Trainer
def train(net, X, y, lr, num_epochs, batch_size):
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr})
    for _ in range(num_epochs):
        for start in range(0, len(X), batch_size):
            images, labels = X[start : start + batch_size], y[start : start + batch_size]
            with autograd.record():
                error = loss(net(images), labels)
            error.backward()
            trainer.step(len(images))


# %% Try it: digits of MNIST on the best device; what is learned goes into the run's folder
if __name__ == "__main__":
    device = gpu() if context.num_gpus() else cpu()
    images, labels = gluon.data.vision.MNIST(train=True)[:6000]
    X = (images.transpose((0, 3, 1, 2)).astype("float32") / 255).as_in_context(device)
    y = nd.array(labels, ctx=device)
    net = LeNet()
    net.initialize(init.Xavier(), ctx=device)
    train(net, X[:5000], y[:5000], lr=0.1, num_epochs=5, batch_size=64)
    print(device, (net(X[5000:]).argmax(axis=1) == y[5000:]).mean().asscalar())
    net.save_parameters(os.path.join(os.environ.get("RIG_RUN_DIR", "."), "lenet.params"))
