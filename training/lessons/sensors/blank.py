# Lesson 10: car sensors, from windows to a probability. The card: docs/lessons/10-sensors.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=10` tells what is missing.

# %% What you need


# %% windows(log, length): log is a NumPy array (rows, channels); every stretch of `length` rows that lie one after
# the other -> (rows - length + 1, length, channels)


# %% fails_within(rows, horizon): the log of a car that failed right after its last row. For each row: 1 if the failure
# is at most `horizon` rows away, else 0. The last row is 1 row away. -> (rows,)


# %% split_cars(cars, share): cars holds the car's number of each window; gives two arrays of True and False, training
# and test: about that share of the cars is for the test, and no car is in both


# %% scale(train, test): both with mean 0 and spread 1 in each channel (the last axis); what is the measure taken from?


# %% make_net(): Gluon; windows (n, length, channels) to one raw score each; initialized


# %% train(net, X, y, lr, num_epochs): a loss for one yes or no from raw scores, and a Trainer; X, y are NDArrays


# %% probability(net, X): the probability of "fails within the horizon" for each window, from 0 to 1; (n,)


# %% brier(p, y): the mean squared difference of probability and what happened; one number


# %% Try it: cars that wear out, made up
import numpy as np


def made_up_cars(number):
    """Logs (rows, 3) of cars that all fail in the end: a temperature that creeps up, a vibration, and mere noise."""
    random = np.random.RandomState(0)
    for _ in range(number):
        life = random.randint(60, 120)
        wear = np.linspace(0, 1, life) ** 3
        yield np.stack([80 + 20 * wear, 1 + wear, np.zeros(life)], axis=1) + random.normal(0, 0.3, (life, 3))


if __name__ == "__main__":
    pass
