"""A Gluon program of one's own for any number of workers, for docs/scaling.md.

    make train SCRIPT=several_workers.py               one worker; needs no Horovod
    make train SCRIPT=several_workers.py WORKERS=2     two here
    make train remote SCRIPT=several_workers.py NODES=4

The whole batch is the same whatever their number, so all of them learn the same.
"""

import os

import mxnet as mx
from mxnet import autograd, gluon, nd

BATCH, EPOCHS = 64, 5

several = int(os.environ.get("HOROVOD_SIZE", "1")) > 1
if several:
    import horovod.mxnet as hvd

    hvd.init()
rank, size, local_rank = (hvd.rank(), hvd.size(), hvd.local_rank()) if several else (0, 1, 0)
ctx = mx.gpu(local_rank) if mx.context.num_gpus() > local_rank else mx.cpu()

mx.random.seed(1)  # the same examples for everybody
X = nd.random.normal(shape=(1000, 8), ctx=ctx)
y = nd.dot(X, nd.arange(8, ctx=ctx).reshape((8, 1))) + 1

net = gluon.nn.Dense(1, in_units=8)
net.initialize(mx.init.Zero(), ctx=ctx)
if several:  # its trainer averages the gradients of all workers, and begins with the first one's weights
    hvd.broadcast_parameters(net.collect_params(), root_rank=0)
    trainer = hvd.DistributedTrainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
else:
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
loss_of = gluon.loss.L2Loss()

share = BATCH // size
for epoch in range(EPOCHS):
    total = nd.zeros((1,), ctx=ctx)
    for begin in range(0, len(X) - BATCH + 1, BATCH):  # whole batches: each worker must take the same number of steps
        mine = slice(begin + rank * share, begin + (rank + 1) * share)
        with autograd.record():
            loss = loss_of(net(X[mine]), y[mine])
        loss.backward()
        trainer.step(share)
        total += loss.sum()
    if several:
        total = hvd.allreduce(total, average=False, name=f"loss {epoch}")
    if rank == 0:
        print(f"epoch {epoch + 1}: loss {total.asscalar() / (len(X) // BATCH * BATCH):.6f}", flush=True)

mx.nd.waitall()  # MXNet computes later than it is told: who leaves before that takes the others along
if rank == 0:  # one file, by one worker
    net.save_parameters(os.path.join(os.environ["RIG_RUN_DIR"], "net.params"))
