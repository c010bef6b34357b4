# Lesson 4: softmax regression by hand. The card: docs/lessons/04-softmax.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=4` tells what is missing.
# By hand: nd and autograd; gluon only for the pictures (gluon.data).

# %% What you need


# %% softmax(scores): (n, 10) to probabilities (n, 10); each row adds up to 1, also for scores such as 1000


# %% cross_entropy(P, y): minus the logarithm of the right class's probability (y: class numbers); gives n numbers


# %% accuracy(P, y): the share of rows whose most probable class is the right one; a number from 0 to 1


# %% train(X, y): learns W (784, 10) and b (10,) from pictures X (n, 784) with values 0 to 1; gives (W, b) back


# %% Try it: train on some digits of MNIST, and look at the accuracy on others
if __name__ == "__main__":
    pass
