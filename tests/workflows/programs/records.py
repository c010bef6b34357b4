# Pictures packed into RecordIO, read back by the C++ iterator, a custom operator, a pool of processes, a helper program.
import multiprocessing
import os
import subprocess
import sys
import tempfile

import cv2
import mxnet as mx
import numpy as np

tmp = tempfile.mkdtemp()
out = os.environ.get("OUTPUT_DIR", "./records")


class Half(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] / 2)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] / 2)


@mx.operator.register("half")
class HalfProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, shapes, dtypes):
        return Half()


def picture(seed):
    img = np.random.RandomState(seed).randint(0, 255, (32, 32, 3)).astype(np.uint8)
    return cv2.resize(img, (28, 28))


def main():
    pool = multiprocessing.Pool(2)
    pictures = pool.map(picture, range(12))
    pool.close()
    pool.join()
    if not os.path.isdir(out):
        os.makedirs(out)
    rec = mx.recordio.MXIndexedRecordIO(os.path.join(out, "small.idx"), os.path.join(out, "small.rec"), "w")
    for i, img in enumerate(pictures):
        rec.write_idx(i, mx.recordio.pack_img(mx.recordio.IRHeader(0, i % 2, i, 0), img, quality=90))
    rec.close()
    it = mx.io.ImageRecordIter(path_imgrec=os.path.join(out, "small.rec"), data_shape=(3, 28, 28), batch_size=4,
                               preprocess_threads=2, rand_mirror=True)
    seen = 0
    for batch in it:
        seen += batch.data[0].shape[0] - (batch.pad or 0)
        half = mx.nd.Custom(batch.data[0], op_type="half")
    assert seen == 12, seen
    with open(os.path.join(tmp, "scratch.txt"), "w") as f:
        f.write("not a result")
    said = subprocess.check_output([sys.executable, "-c", "import mxnet; print(mxnet.__version__)"]).decode().strip()
    code = os.system("python -c 'import numpy' && echo shell > %s/shell.txt" % out)
    print("version", said, "shell", code, "mean", float(half.mean().asscalar()) > 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
