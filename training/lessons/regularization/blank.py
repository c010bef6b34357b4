# Lesson 6: weight decay and dropout. The card: docs/lessons/06-regularization.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=6` tells what is missing.

# %% What you need


# %% l2_penalty(w): half the sum of the squares of w; one number


# %% dropout(X, rate): by hand; silences that share of X while autograd trains, and keeps the mean; else X as it is


# %% make_net(rate): Gluon; Dense(64, relu), Dropout, Dense(10); initialized


# %% make_trainer(net, lr, wd): a Trainer of plain gradient descent with weight decay


# %% Try it: few digits, many weights; accuracy on training and on new digits, with and without both
if __name__ == "__main__":
    pass
