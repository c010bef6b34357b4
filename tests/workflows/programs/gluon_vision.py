#!/usr/bin/env python
"""Gluon with argparse, a log file beside the script, workers that load batches, the data set of gluon itself."""
from __future__ import print_function
import argparse
import logging
import os
import time

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn
from mxnet.gluon.data.vision import transforms

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser(description="Fashion-MNIST by gluon")
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--num-workers", "-j", type=int, default=2)
parser.add_argument("--hybridize", action="store_true")
parser.add_argument("--save-dir", default="params")
opt = parser.parse_args()

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
logging.getLogger().addHandler(logging.FileHandler(os.path.join(HERE, "fashion.log"), mode="w"))
logging.info(opt)
ctx = [mx.gpu(i) for i in range(mx.context.num_gpus())] or [mx.cpu()]


def loaders():
    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.286, 0.353)])
    train = gluon.data.vision.FashionMNIST(train=True)
    assert len(train) == 60000
    some = train.take(512).transform_first(to_tensor)
    return gluon.data.DataLoader(some, opt.batch_size, shuffle=True, num_workers=opt.num_workers, last_batch="discard")


def network():
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Conv2D(8, kernel_size=5, activation="relu"), nn.BatchNorm(), nn.MaxPool2D(2, 2), nn.Flatten(),
                nn.Dense(32, activation="relu"), nn.Dropout(0.2), nn.Dense(10))
    return net


def train():
    net = network()
    net.initialize(mx.init.Xavier(magnitude=2.24), ctx=ctx)
    if opt.hybridize:
        net.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": opt.lr, "momentum": 0.9})
    metric, loss_fn = mx.metric.Accuracy(), gluon.loss.SoftmaxCrossEntropyLoss()
    for epoch in range(opt.epochs):
        tic = time.time()
        metric.reset()
        for data, label in loaders():
            datas = gluon.utils.split_and_load(data, ctx_list=ctx)
            labels = gluon.utils.split_and_load(label, ctx_list=ctx)
            with autograd.record():
                outputs = [net(x) for x in datas]
                losses = [loss_fn(out, lab) for out, lab in zip(outputs, labels)]
            for loss in losses:
                loss.backward()
            trainer.step(data.shape[0])
            metric.update(labels, outputs)
        name, acc = metric.get()
        logging.info("[epoch %d] %s=%f time %.1f", epoch, name, acc, time.time() - tic)
    if not os.path.exists(opt.save_dir):
        os.makedirs(opt.save_dir)
    net.save_parameters("%s/fashion-%04d.params" % (opt.save_dir, opt.epochs))
    nd.waitall()


if __name__ == "__main__":
    train()
