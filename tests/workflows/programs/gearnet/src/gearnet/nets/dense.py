from mxnet import init
from mxnet.gluon import nn

from .. import __version__


def build(hidden, classes):
    net = nn.HybridSequential(prefix='gearnet%s_' % __version__.replace('.', ''))
    with net.name_scope():
        net.add(nn.Dense(hidden, activation='relu'), nn.Dense(classes))
    net.initialize(init.Xavier())
    net.hybridize()
    return net
