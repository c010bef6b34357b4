# Linear regression with mx.nd alone, and a plot, with whatever display there is.
import matplotlib.pyplot as plt
import numpy as np
import mxnet as mx
from mxnet import autograd, nd

num_inputs, num_examples, lr, batch = 2, 200, 0.1, 20
true_w, true_b = nd.array([2, -3.4]), 4.2
X = nd.random.normal(shape=(num_examples, num_inputs))
y = nd.dot(X, true_w) + true_b + .01 * nd.random.normal(shape=(num_examples,))
w, b = nd.random.normal(shape=(num_inputs,), scale=.01), nd.zeros(1)
for p in (w, b):
    p.attach_grad()
losses = []
for epoch in range(5):
    order = np.random.permutation(num_examples)
    for i in range(0, num_examples, batch):
        rows = nd.array(order[i:i + batch])
        with autograd.record():
            loss = ((nd.dot(X.take(rows), w) + b - y.take(rows)) ** 2).mean()
        loss.backward()
        for p in (w, b):
            p[:] = p - lr * p.grad
    losses.append(float(loss.asscalar()))
    print("epoch", epoch, "loss", losses[-1])
assert losses[-1] < 1
np.savetxt("losses.csv", np.array(losses, dtype=np.float), delimiter=",")
mx.nd.save("linear.ndarray", {"w": w, "b": b})
plt.figure(figsize=(4, 3))
plt.plot(losses)
plt.xlabel("epoch")
plt.savefig("losses.png")
plt.show()
