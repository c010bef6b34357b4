"""The book's helper file, as readers copied it beside each chapter."""
import collections
import os
import sys
import time

from IPython import display
from matplotlib import pyplot as plt
import mxnet as mx
from mxnet import autograd, gluon, image, init, nd
from mxnet.gluon import data as gdata, loss as gloss, nn, utils as gutils
import numpy as np


def use_svg_display():
    display.set_matplotlib_formats("svg") if hasattr(display, "set_matplotlib_formats") else None


def set_figsize(figsize=(3.5, 2.5)):
    use_svg_display()
    plt.rcParams["figure.figsize"] = figsize


def try_all_gpus():
    ctxes = []
    try:
        for i in range(16):
            ctx = mx.gpu(i)
            _ = nd.array([0], ctx=ctx)
            ctxes.append(ctx)
    except mx.base.MXNetError:
        pass
    return ctxes or [mx.cpu()]


def load_data_fashion_mnist(batch_size, resize=None, root=os.path.join("~", ".mxnet", "datasets", "fashion-mnist")):
    root = os.path.expanduser(root)
    trans = [gdata.vision.transforms.Resize(resize)] if resize else []
    trans = gdata.vision.transforms.Compose(trans + [gdata.vision.transforms.ToTensor()])
    train = gdata.vision.FashionMNIST(root=root, train=True)
    test = gdata.vision.FashionMNIST(root=root, train=False)
    workers = 0 if sys.platform.startswith("win32") else 4
    return [gdata.DataLoader(one.transform_first(trans), batch_size, shuffle=one is train, num_workers=workers)
            for one in (train, test)]


def evaluate_accuracy(data_iter, net, ctx=[mx.cpu()]):
    acc_sum, n = nd.array([0]), 0
    for i, (X, y) in enumerate(data_iter):
        for X, y in zip(gutils.split_and_load(X, ctx, even_split=False), gutils.split_and_load(y, ctx, even_split=False)):
            acc_sum += (net(X).argmax(axis=1) == y.astype("float32")).sum().copyto(mx.cpu())
            n += y.size
        if i == 2:
            break
    return acc_sum.asscalar() / n


class Animator:
    """Draws again and again, as in a notebook."""

    def __init__(self):
        set_figsize()
        self.fig, self.axes = plt.subplots()
        self.xs, self.ys = [], []

    def add(self, x, y):
        self.xs.append(x)
        self.ys.append(y)
        self.axes.cla()
        self.axes.plot(self.xs, self.ys)
        display.display(self.fig)
        display.clear_output(wait=True)
