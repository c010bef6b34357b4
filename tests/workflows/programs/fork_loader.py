import logging
import multiprocessing as mp
import os

import mxnet as mx
import numpy as np
from mxnet import gluon

logging.basicConfig(filename='loader.log', level=logging.DEBUG)


class Memmapped(gluon.data.Dataset):
    """Windows of one long vibration record; opened anew in each worker."""

    def __init__(self, path, width):
        self._path, self._width, self._file = path, width, None

    def __len__(self):
        return os.path.getsize(self._path) // 4 // self._width

    def __getitem__(self, idx):
        if self._file is None:
            logging.info('worker %d opens %s', os.getpid(), self._path)
            self._file = np.memmap(self._path, dtype=np.float32, mode='r')
        x = np.array(self._file[idx * self._width:(idx + 1) * self._width])
        return x, np.float32(x.max() > 2)

    def __getstate__(self):
        return dict(self.__dict__, _file=None)


if __name__ == '__main__':
    mp.set_start_method('fork', force=True)
    np.random.RandomState(0).randn(4096).astype(np.float32).tofile('record.f32')
    data = Memmapped('record.f32', 64)
    seen = mx.nd.zeros(1)
    for kwargs in ({'num_workers': 2}, {'num_workers': 2, 'thread_pool': True}, {'num_workers': 0}):
        loader = gluon.data.DataLoader(data.transform_first(lambda x: x * 2), batch_size=16, shuffle=True,
                                       last_batch='rollover', **kwargs)
        for x, y in loader:
            seen += x.shape[0] + 0 * y.sum()
    mx.nd.save('seen.nd', seen)
    print('seen', int(seen.asscalar()))
