# Lesson 3: minibatches, DataLoader, Sequential. The card: docs/lessons/03-minibatches.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=3` tells what is missing.

# %% What you need


# %% minibatches(X, y, batch_size): by hand, a generator of pairs (X, y); each pass in a new random order


# %% loader(X, y, batch_size): the same from Gluon: a Dataset of pairs and a DataLoader


# %% make_net(): a Sequential of one Dense layer with one output, initialized


# %% train(net, batches, lr, num_epochs): Gluon's loss and Trainer; `batches` can be gone through again and again


# %% Try it on made-up data: y = 2 a - 3.4 b + 4.2 and a little noise
if __name__ == "__main__":
    pass
