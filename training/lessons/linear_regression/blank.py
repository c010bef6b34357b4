# Lesson 2: linear regression by hand. The card: docs/lessons/02-linear-regression.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=2` tells what is missing.
# By hand: nd and autograd, no gluon.

# %% What you need


# %% linreg(X, w, b): what the line says of X (n, 2); w has the shape (2, 1), b (1,); gives (n, 1)


# %% squared_loss(y_hat, y): half the squared difference of each example; y may be (n,) or (n, 1); gives n numbers


# %% sgd(params, lr, batch_size): one step of gradient descent for each array in the list `params`


# %% train(X, y): finds w and b by gradient descent from small random numbers; gives (w, b) back


# %% Try it on made-up data: y = 2 a - 3.4 b + 4.2 and a little noise
if __name__ == "__main__":
    pass
