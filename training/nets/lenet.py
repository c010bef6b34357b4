"""The LeNet of Gluon's "Create a neural network" page.

https://mxnet.apache.org/versions/1.9.1/api/python/docs/tutorials/getting-started/crash-course/2-create-nn.html
"""

from __future__ import annotations

from training.compat import mx


def lenet(classes: int = 10) -> mx.gluon.HybridBlock:
    """Images (n, 1, 28, 28) in 0..1 to scores (n, *classes*). 44,426 weights at ten classes."""
    nn = mx.gluon.nn
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(channels=6, kernel_size=5, activation="relu"),
        nn.MaxPool2D(pool_size=2, strides=2),
        nn.Conv2D(channels=16, kernel_size=5, activation="relu"),
        nn.MaxPool2D(pool_size=2, strides=2),
        nn.Dense(120, activation="relu"),
        nn.Dense(84, activation="relu"),
        nn.Dense(classes),
    )
    return net
