# Lesson 6: weight decay and dropout. The card: docs/lessons/06-regularization.md

# %% What you need
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn


# %% l2_penalty(w): half the sum of the squares of w; one number
def l2_penalty(w):
    return (w**2).sum() / 2


# %% dropout(X, rate): by hand; silences that share of X while autograd trains, and keeps the mean; else X as it is
def dropout(X, rate):
    if not autograd.is_training() or rate == 0:
        return X
    if rate == 1:
        return nd.zeros_like(X)
    kept = nd.random.uniform(0, 1, shape=X.shape) >= rate
    return kept * X / (1 - rate)


# %% make_net(rate): Gluon; Dense(64, relu), Dropout, Dense(10); initialized
def make_net(rate):
    net = nn.Sequential()
    net.add(nn.Dense(64, activation="relu"), nn.Dropout(rate), nn.Dense(10))
    net.initialize(init.Normal(0.05))
    return net


# %% make_trainer(net, lr, wd): a Trainer of plain gradient descent with weight decay
def make_trainer(net, lr, wd):
    return gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr, "wd": wd})


# %% Try it: few digits, many weights; accuracy on training and on new digits, with and without both
if __name__ == "__main__":
    images, labels = gluon.data.vision.MNIST(train=True)[:2200]
    X, y = images.reshape((-1, 784)).astype("float32") / 255, nd.array(labels)
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    for rate, wd in ((0, 0), (0.5, 0), (0, 0.01)):
        net = make_net(rate)
        trainer = make_trainer(net, 0.3, wd)
        for _ in range(200):
            with autograd.record():
                error = loss(net(X[:200]), y[:200])
            error.backward()
            trainer.step(200)
        seen, new = (
            (net(X[part]).argmax(axis=1) == y[part]).mean().asscalar() for part in (slice(200), slice(200, None))
        )
        print(f"dropout {rate}, wd {wd}: {seen:.3f} of the digits it saw, {new:.3f} of new ones")
