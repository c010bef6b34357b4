# Lesson 10: car sensors, from windows to a probability. The card: docs/lessons/10-sensors.md

# %% What you need
import numpy as np
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn


# %% windows(log, length): every stretch of `length` rows that lie one after the other
def windows(log, length):
    return np.stack([log[start : start + length] for start in range(len(log) - length + 1)])


# %% fails_within(rows, horizon): for each row of a car that failed right after its last one: 1 if the failure is near
def fails_within(rows, horizon):
    rows_left = np.arange(rows, 0, -1)
    return (rows_left <= horizon).astype("float32")


# %% split_cars(cars, share): two arrays of True and False, training and test; no car is in both
def split_cars(cars, share):
    every = np.random.permutation(np.unique(cars))
    test = np.isin(cars, every[: max(1, round(share * len(every)))])
    return ~test, test


# %% scale(train, test): both with mean 0 and spread 1 in each channel, by the measure of the training windows
def scale(train, test):
    mean, spread = train.mean(axis=(0, 1)), train.std(axis=(0, 1)) + 1e-8
    return (train - mean) / spread, (test - mean) / spread


# %% make_net(): Gluon; windows (n, length, channels) to one raw score each; initialized
def make_net():
    net = nn.Sequential()
    net.add(nn.Dense(16, activation="relu"), nn.Dense(1))
    net.initialize(init.Xavier())
    return net


# %% train(net, X, y, lr, num_epochs): a loss for one yes or no from raw scores, and a Trainer
def train(net, X, y, lr, num_epochs):
    loss = gluon.loss.SigmoidBinaryCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": lr})
    batches = gluon.data.DataLoader(gluon.data.ArrayDataset(X, y), 64, shuffle=True)
    for _ in range(num_epochs):
        for batch, answers in batches:
            with autograd.record():
                error = loss(net(batch), answers)
            error.backward()
            trainer.step(len(batch))


# %% probability(net, X): the probability of "fails within the horizon" for each window, from 0 to 1; (n,)
def probability(net, X):
    return net(X).sigmoid().reshape(-1)


# %% brier(p, y): the mean squared difference of probability and what happened; one number
def brier(p, y):
    return ((p - y) ** 2).mean()


# %% Try it: cars that wear out, made up
def made_up_cars(number):
    """Logs (rows, 3) of cars that all fail in the end: a temperature that creeps up, a vibration, and mere noise."""
    random = np.random.RandomState(0)
    for _ in range(number):
        life = random.randint(60, 120)
        wear = np.linspace(0, 1, life) ** 3
        yield np.stack([80 + 20 * wear, 1 + wear, np.zeros(life)], axis=1) + random.normal(0, 0.3, (life, 3))


if __name__ == "__main__":
    length, horizon = 10, 20
    logs = list(made_up_cars(30))
    X = np.concatenate([windows(log, length) for log in logs])
    y = np.concatenate([fails_within(len(log), horizon)[length - 1 :] for log in logs])
    cars = np.concatenate([np.full(len(log) - length + 1, number) for number, log in enumerate(logs)])
    seen, new = split_cars(cars, 0.3)
    X_seen, X_new = (nd.array(part) for part in scale(X[seen], X[new]))
    net = make_net()
    train(net, X_seen, nd.array(y[seen]), lr=0.01, num_epochs=5)
    p = probability(net, X_new).asnumpy()
    print("Brier score", brier(p, y[new]), "and of always saying the same", brier(y[seen].mean(), y[new]))
