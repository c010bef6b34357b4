# Lesson 4: softmax regression by hand. The card: docs/lessons/04-softmax.md

# %% What you need
from mxnet import autograd, gluon, nd


# %% softmax(scores): (n, 10) to probabilities (n, 10); each row adds up to 1, also for scores such as 1000
def softmax(scores):
    E = nd.exp(scores - scores.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


# %% cross_entropy(P, y): minus the logarithm of the right class's probability (y: class numbers); gives n numbers
def cross_entropy(P, y):
    return -nd.log(nd.pick(P, y) + 1e-10)


# %% accuracy(P, y): the share of rows whose most probable class is the right one; a number from 0 to 1
def accuracy(P, y):
    return (P.argmax(axis=1) == y.astype("float32")).mean().asscalar()


# %% train(X, y): learns W (784, 10) and b (10,) from pictures X (n, 784) with values 0 to 1; gives (W, b) back
def train(X, y):
    W = nd.random.normal(scale=0.01, shape=(784, 10))
    b = nd.zeros(10)
    W.attach_grad()
    b.attach_grad()
    for _ in range(10):
        for start in range(0, len(X), 100):
            batch, answers = X[start : start + 100], y[start : start + 100]
            with autograd.record():
                loss = cross_entropy(softmax(nd.dot(batch, W) + b), answers)
            loss.backward()
            for param in (W, b):
                param[:] = param - 0.5 * param.grad / len(batch)
    return W, b


# %% Try it: train on some digits of MNIST, and look at the accuracy on others
if __name__ == "__main__":
    images, labels = gluon.data.vision.MNIST(train=True)[:5000]
    X, y = images.reshape((-1, 784)).astype("float32") / 255, nd.array(labels)
    W, b = train(X[:4000], y[:4000])
    print(accuracy(softmax(nd.dot(X[4000:], W) + b), y[4000:]))
