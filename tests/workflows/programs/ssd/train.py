# Pictures below a folder that is a link, im2rec as its own program, ImageIter and ImageRecordIter, a net of Symbols.
import logging
import os
import subprocess
import sys

import mxnet as mx
import numpy as np

os.chdir(os.path.dirname(os.path.abspath(__file__)))
logging.basicConfig(level=logging.INFO, format="%(asctime)-15s %(message)s", handlers=[logging.FileHandler("ssd.log"), logging.StreamHandler()])
root = "data/VOC"
for flag in (["--list"], ["--num-thread", "2"]):
    assert subprocess.call([sys.executable, "im2rec.py", *flag, "train_list", root]) == 0
raw = mx.image.ImageIter(batch_size=2, data_shape=(3, 24, 24), path_imglist="train_list.lst", path_root=root,
                         aug_list=mx.image.CreateAugmenter((3, 24, 24), resize=24, rand_mirror=True, mean=True))
it = mx.io.ImageRecordIter(path_imgrec="train_list.rec", path_imgidx="train_list.idx", data_shape=(3, 24, 24), batch_size=2,
                           shuffle=True, preprocess_threads=2, resize=24, mean_r=123, mean_g=117, mean_b=104)
print("raw", raw.next().data[0].shape, "rec", it.next().data[0].shape)
it.reset()
net = mx.sym.Variable("data")
for width in (4, 8):
    net = mx.sym.Pooling(mx.sym.Activation(mx.sym.Convolution(net, kernel=(3, 3), num_filter=width), act_type="relu"), kernel=(2, 2), stride=(2, 2), pool_type="max")
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Flatten(net), num_hidden=3), name="softmax")
mx.viz.print_summary(net, shape={"data": (2, 3, 24, 24)})
dot = mx.viz.plot_network(net, shape={"data": (2, 3, 24, 24)}, save_format="svg", node_attrs={"fixedsize": "false"})
dot.save("net.gv")
try:
    dot.render("net")
except Exception as e:
    print("no picture of the net:", type(e).__name__)
mod = mx.mod.Module(net, context=[mx.cpu(0)], logger=logging.getLogger())
mod.fit(it, num_epoch=2, optimizer="sgd", optimizer_params=(("learning_rate", .01), ("momentum", .9)), eval_metric=["acc", "ce"],
        initializer=mx.init.Xavier(magnitude=2), kvstore="device",
        batch_end_callback=[mx.callback.Speedometer(2, 1), mx.callback.log_train_metric(1)],
        epoch_end_callback=[mx.callback.module_checkpoint(mod, "model/ssd", period=1, save_optimizer_states=True)] if os.makedirs("model", exist_ok=True) is None else None)
sym, arg, aux = mx.model.load_checkpoint("model/ssd", 2)
mx.model.save_checkpoint("model/deploy", 0, sym, arg, aux)
os.symlink("ssd-0002.params", "model/latest.params")
