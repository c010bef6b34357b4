from mxnet.gluon import nn

from ..settings import HIDDEN


def build():
    net = nn.HybridSequential()
    net.add(nn.Dense(HIDDEN, activation="tanh"), nn.Dense(1))
    return net
