from mxnet.gluon import nn
class Tower(nn.HybridBlock):
    def __init__(self, **kwargs):
        super(Tower, self).__init__(**kwargs)
        with self.name_scope():
            self.body = nn.HybridSequential()
            self.body.add(nn.Dense(4, activation="relu"), nn.Dense(2))
    def hybrid_forward(self, F, x):
        return self.body(x)
