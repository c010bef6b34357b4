# Lesson 1: NDArray and autograd. The card: docs/lessons/01-autograd.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=1` tells what is missing.

# %% What you need


# %% column_means(A): the mean of each column of a matrix; (rows, columns) -> (columns,)


# %% gradient_of(f, x): the gradient of y = f(x) at x, found by autograd; it has the shape of x


# %% descend(f, x, lr, steps): walk down the slope of f from x, `steps` times; gives back where it ends


# %% Try it: where is f(x) = (x - 3)^2 smallest?
if __name__ == "__main__":
    pass
