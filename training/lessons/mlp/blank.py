# Lesson 5: a multilayer perceptron in Gluon. The card: docs/lessons/05-mlp.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=5` tells what is missing.

# %% What you need


# %% make_net(hidden, activation): Sequential; one hidden Dense layer with that activation, ten scores; initialized


# %% evaluate(net, X, y): the share of right answers, from 0 to 1


# %% train(net, X, y, lr, num_epochs, batch_size): SoftmaxCrossEntropyLoss and a Trainer


# %% Try it: digits of MNIST with relu, sigmoid and tanh
if __name__ == "__main__":
    pass
