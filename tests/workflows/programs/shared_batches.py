# Workers that hand over large batches in shared memory: 48 MB each, four workers, a batchify of one's own, and threads.
import multiprocessing as mp
import numpy as np
import mxnet as mx
from mxnet import gluon
from multiprocessing import Pool, cpu_count
from batchify import Stack

class Big(gluon.data.Dataset):
    def __len__(self):
        return 12
    def __getitem__(self, i):
        return np.full((3, 1000, 1000), i, dtype="float32"), i

def square(x):
    return x * x

if __name__ == "__main__":
    for kind in ({"num_workers": 4}, {"num_workers": 2, "thread_pool": True}, {"num_workers": 0}):
        total = 0
        for x, y in gluon.data.DataLoader(Big(), batch_size=4, batchify_fn=Stack(), prefetch=8 if kind["num_workers"] else None, **kind):
            total += float(x[:, 0, 0, 0].sum().asscalar())
        print(kind, total)
    with Pool(processes=min(4, cpu_count())) as pool:
        print(sum(pool.imap_unordered(square, range(100), chunksize=7)))
    ctx = mp.get_context("spawn")
    with ctx.Pool(2) as pool:
        print(pool.map(square, [1, 2, 3]))
    queue, lock, flag = ctx.Queue(), mp.Lock(), mp.Value("i", 3)
    from multiprocessing import shared_memory
    block = shared_memory.SharedMemory(create=True, size=64 << 20)
    np.ndarray((1 << 20,), buffer=block.buf)[:] = 1
    block.close(); block.unlink()
    open("done.txt", "w").write("ok")
