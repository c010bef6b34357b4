# Lesson 1: NDArray and autograd. The card: docs/lessons/01-autograd.md

# %% What you need
from mxnet import autograd, nd


# %% column_means(A): the mean of each column of a matrix; (rows, columns) -> (columns,)
def column_means(A):
    return A.mean(axis=0)


# %% gradient_of(f, x): the gradient of y = f(x) at x, found by autograd; it has the shape of x
def gradient_of(f, x):
    x.attach_grad()
    with autograd.record():
        y = f(x)
    y.backward()
    return x.grad


# %% descend(f, x, lr, steps): walk down the slope of f from x, `steps` times; gives back where it ends
def descend(f, x, lr, steps):
    x = x.copy()
    for _ in range(steps):
        x[:] = x - lr * gradient_of(f, x)
    return x


# %% Try it: where is f(x) = (x - 3)^2 smallest?
if __name__ == "__main__":
    print(descend(lambda x: (x - 3) ** 2, nd.zeros(2), lr=0.1, steps=50))
