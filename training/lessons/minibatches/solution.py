# Lesson 3: minibatches, DataLoader, Sequential. The card: docs/lessons/03-minibatches.md

# %% What you need
import random

from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn


# %% minibatches(X, y, batch_size): by hand, a generator of pairs (X, y); each pass in a new random order
def minibatches(X, y, batch_size):
    order = list(range(len(X)))
    random.shuffle(order)
    for start in range(0, len(order), batch_size):
        chosen = nd.array(order[start : start + batch_size])
        yield X.take(chosen), y.take(chosen)


# %% loader(X, y, batch_size): the same from Gluon: a Dataset of pairs and a DataLoader
def loader(X, y, batch_size):
    return gluon.data.DataLoader(gluon.data.ArrayDataset(X, y), batch_size, shuffle=True)


# %% make_net(): a Sequential of one Dense layer with one output, initialized
def make_net():
    net = nn.Sequential()
    net.add(nn.Dense(1))
    net.initialize(init.Normal(0.01))
    return net


# %% train(net, batches, lr, num_epochs): Gluon's loss and Trainer; `batches` can be gone through again and again
def train(net, batches, lr, num_epochs):
    loss = gluon.loss.L2Loss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr})
    for _ in range(num_epochs):
        for X, y in batches:
            with autograd.record():
                error = loss(net(X), y)
            error.backward()
            trainer.step(len(X))


# %% Try it on made-up data: y = 2 a - 3.4 b + 4.2 and a little noise
if __name__ == "__main__":
    X = nd.random.normal(shape=(1000, 2))
    y = nd.dot(X, nd.array([2, -3.4])) + 4.2 + nd.random.normal(scale=0.01, shape=1000)
    net = make_net()
    train(net, loader(X, y, 10), lr=0.03, num_epochs=3)
    print(net[0].weight.data(), net[0].bias.data())
