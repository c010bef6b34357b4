#!/usr/bin/env python
import os

import matplotlib
matplotlib.use('TkAgg')
import matplotlib.pyplot as plt
import mxnet as mx
from tqdm.notebook import tqdm

for name in ('images', 'checkpoints/best', 'tmp'):
    os.makedirs(os.path.join('work', name))

plt.ion()
losses = []
for epoch in tqdm(range(4)):
    losses.append(float(mx.nd.exp(mx.nd.array([-epoch])).asscalar()))
    plt.clf()
    plt.plot(losses)
    plt.pause(0.01)
plt.ioff()
plt.title('loss')
plt.savefig('work/images/loss.png')
plt.show()

plt.figure('weights')
plt.hist(mx.nd.random.normal(shape=(100,)).asnumpy())
plt.show(block=True)
os.rmdir('work/tmp')
print('closed', plt.get_backend().lower() != 'none')
