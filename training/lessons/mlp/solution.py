# Lesson 5: a multilayer perceptron in Gluon. The card: docs/lessons/05-mlp.md

# %% What you need
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn


# %% make_net(hidden, activation): Sequential; one hidden Dense layer with that activation, ten scores; initialized
def make_net(hidden, activation):
    net = nn.Sequential()
    net.add(nn.Dense(hidden, activation=activation), nn.Dense(10))
    net.initialize(init.Normal(0.05))
    return net


# %% evaluate(net, X, y): the share of right answers, from 0 to 1
def evaluate(net, X, y):
    return (net(X).argmax(axis=1) == y.astype("float32")).mean().asscalar()


# %% train(net, X, y, lr, num_epochs, batch_size): SoftmaxCrossEntropyLoss and a Trainer
def train(net, X, y, lr, num_epochs, batch_size):
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr})
    batches = gluon.data.DataLoader(gluon.data.ArrayDataset(X, y), batch_size, shuffle=True)
    for _ in range(num_epochs):
        for images, labels in batches:
            with autograd.record():
                error = loss(net(images), labels)
            error.backward()
            trainer.step(len(images))


# %% Try it: digits of MNIST with relu, sigmoid and tanh
if __name__ == "__main__":
    images, labels = gluon.data.vision.MNIST(train=True)[:5000]
    X, y = images.reshape((-1, 784)).astype("float32") / 255, nd.array(labels)
    for activation in ("relu", "sigmoid", "tanh"):
        net = make_net(128, activation)
        train(net, X[:4000], y[:4000], lr=0.2, num_epochs=5, batch_size=64)
        print(activation, evaluate(net, X[4000:], y[4000:]))
