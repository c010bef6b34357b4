# Lesson 8: CPU or GPU. The card: docs/lessons/08-devices.md

# %% What you need
import os
import time

from mxnet import autograd, context, cpu, gluon, gpu, init, nd
from mxnet.gluon import nn


# %% best_device(): the first GPU where there is one, else the CPU
def best_device():
    return gpu(0) if context.num_gpus() > 0 else cpu()


# %% prepare(images, device): uint8 (n, 28, 28, 1) on the CPU -> float32 (n, 1, 28, 28) from 0 to 1 on the device
def prepare(images, device):
    return (images.transpose((0, 3, 1, 2)).astype("float32") / 255).as_in_context(device)


# %% make_net(device, width): Dense(width, relu) and Dense(10), with its parameters on the device
def make_net(device, width):
    net = nn.Sequential()
    net.add(nn.Dense(width, activation="relu"), nn.Dense(10))
    net.initialize(init.Xavier(), ctx=device)
    return net


# %% seconds_of(work, repeats): the seconds of one call of the function `work`, on average, waiting included
def seconds_of(work, repeats):
    work()
    nd.waitall()
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    nd.waitall()
    return (time.perf_counter() - start) / repeats


# %% Try it: one training step on every device, for small and for large nets; who wins, and where does it turn?
if __name__ == "__main__":
    images, labels = gluon.data.vision.MNIST(train=True)[:256]
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    lines = []
    for width in (16, 64, 256, 1024, 4096):
        for device in {str(one): one for one in (cpu(), best_device())}.values():
            net, X, y = make_net(device, width), prepare(images, device), nd.array(labels, ctx=device)
            trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})

            def step(net=net, X=X, y=y, trainer=trainer):
                with autograd.record():
                    error = loss(net(X), y)
                error.backward()
                trainer.step(len(X))

            lines.append(f"width {width:5}  {device!s:7}  {1000 * seconds_of(step, 20):8.2f} ms a step")
            print(lines[-1])
    with open(os.path.join(os.environ.get("RIG_RUN_DIR", "."), "devices.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")
