# Lesson 2: linear regression by hand. The card: docs/lessons/02-linear-regression.md

# %% What you need
from mxnet import autograd, nd


# %% linreg(X, w, b): what the line says of X (n, 2); w has the shape (2, 1), b (1,); gives (n, 1)
def linreg(X, w, b):
    return nd.dot(X, w) + b


# %% squared_loss(y_hat, y): half the squared difference of each example; y may be (n,) or (n, 1); gives n numbers
def squared_loss(y_hat, y):
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


# %% sgd(params, lr, batch_size): one step of gradient descent for each array in the list `params`
def sgd(params, lr, batch_size):
    for param in params:
        param[:] = param - lr * param.grad / batch_size


# %% train(X, y): finds w and b by gradient descent from small random numbers; gives (w, b) back
def train(X, y):
    w = nd.random.normal(scale=0.01, shape=(2, 1))
    b = nd.zeros(1)
    for param in (w, b):
        param.attach_grad()
    for _ in range(100):
        with autograd.record():
            loss = squared_loss(linreg(X, w, b), y)
        loss.backward()
        sgd([w, b], lr=0.1, batch_size=len(X))
    return w, b


# %% Try it on made-up data: y = 2 a - 3.4 b + 4.2 and a little noise
if __name__ == "__main__":
    X = nd.random.normal(shape=(1000, 2))
    y = nd.dot(X, nd.array([2, -3.4])) + 4.2 + nd.random.normal(scale=0.01, shape=1000)
    print(train(X, y))
