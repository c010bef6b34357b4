# A word model with truncated back-propagation; its text lies beside it, and it goes to its own folder first.
import math
import os

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.gluon import nn, rnn

os.chdir(os.path.dirname(os.path.realpath(__file__)))
bptt, batch_size, clip = 5, 4, 0.25


class Corpus(object):
    def __init__(self, path):
        self.words = {}
        with open(os.path.join(path, "train.txt")) as f:
            ids = [self.words.setdefault(w, len(self.words)) for line in f for w in line.split() + ["<eos>"]]
        self.train = mx.nd.array(ids, dtype="int32")


class RNNModel(gluon.Block):
    def __init__(self, vocab, size, **kwargs):
        super(RNNModel, self).__init__(**kwargs)
        with self.name_scope():
            self.drop = nn.Dropout(0.2)
            self.encoder = nn.Embedding(vocab, size, weight_initializer=mx.init.Uniform(0.1))
            self.rnn = rnn.LSTM(size, 2, dropout=0.2, input_size=size)
            self.decoder = nn.Dense(vocab, in_units=size)
            self.size = size

    def forward(self, inputs, hidden):
        output, hidden = self.rnn(self.drop(self.encoder(inputs)), hidden)
        return self.decoder(self.drop(output).reshape((-1, self.size))), hidden

    def begin_state(self, *args, **kwargs):
        return self.rnn.begin_state(*args, **kwargs)


def batchify(data):
    n = data.shape[0] // batch_size
    return data[: n * batch_size].reshape((batch_size, n)).T


corpus = Corpus("data")
source = batchify(corpus.train)
model = RNNModel(len(corpus.words), 16)
model.collect_params().initialize(mx.init.Xavier())
trainer = gluon.Trainer(model.collect_params(), "sgd", {"learning_rate": 1.0, "momentum": 0, "wd": 0})
loss = gluon.loss.SoftmaxCrossEntropyLoss()
best = float("inf")
for epoch in range(2):
    total, hidden = 0.0, model.begin_state(func=mx.nd.zeros, batch_size=batch_size)
    for i in range(0, source.shape[0] - 1, bptt):
        length = min(bptt, source.shape[0] - 1 - i)
        data, target = source[i : i + length], source[i + 1 : i + 1 + length].reshape((-1,))
        hidden = [h.detach() for h in hidden]
        with autograd.record():
            output, hidden = model(data, hidden)
            L = loss(output, target)
            L.backward()
        grads = [p.grad() for p in model.collect_params().values()]
        gluon.utils.clip_global_norm(grads, clip * bptt * batch_size)
        trainer.step(batch_size)
        total += mx.nd.mean(L).asscalar()
    print("epoch %d, perplexity %.2f" % (epoch, math.exp(total * bptt / source.shape[0])))
    if total < best:
        best = total
        model.save_parameters("model.params")
open("vocab.txt", "w").write("\n".join(corpus.words))
