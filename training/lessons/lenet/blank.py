# Lesson 7: LeNet as a Block. The card: docs/lessons/07-lenet.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=7` tells what is missing.
# On a rented GPU, as it stands: make train remote SCRIPT=lessons/07_lenet.py

# %% What you need


# %% class LeNet: a Block of your own. Pictures (n, 1, 28, 28) -> ten scores
# 6 filters 5x5 with relu, pool 2x2 | 16 filters 5x5 with relu, pool 2x2 | 120 with relu | 84 with relu | 10
# Children in the net's name scope; sizes of inputs are left to deferred initialization.


# %% update_by_hand(net, lr, batch_size): one step of gradient descent on every parameter, without a Trainer


# %% train(net, X, y, lr, num_epochs, batch_size): the same with a Trainer


# %% Try it: digits of MNIST on the best device; what is learned goes into the run's folder
if __name__ == "__main__":
    pass
