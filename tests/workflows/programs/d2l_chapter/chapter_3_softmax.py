#!/usr/bin/env python
# coding: utf-8
# Softmax regression, as the chapter's notebook was exported: cells, the helper file beside it, plots shown.

# In[1]:
import sys
sys.path.insert(0, "..")
import d2l
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss, nn

# In[2]:
batch_size = 256
train_iter, test_iter = d2l.load_data_fashion_mnist(batch_size)
net = nn.Sequential()
net.add(nn.Dense(10))
net.initialize(init.Normal(sigma=0.01), ctx=d2l.try_all_gpus())
loss = gloss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': 0.1})
animator = d2l.Animator()

# In[3]:
for step, (X, y) in enumerate(train_iter):
    with autograd.record():
        l = loss(net(X), y).sum()
    l.backward()
    trainer.step(batch_size)
    animator.add(step, l.asscalar() / batch_size)
    if step == 6:
        break
print('test acc %.3f' % d2l.evaluate_accuracy(test_iter, net, d2l.try_all_gpus()))

# In[4]:
d2l.plt.savefig("loss of chapter 3.svg")
d2l.plt.show()
