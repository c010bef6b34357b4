"""Something that uses a GPU, on a machine that has one: `python tests/gpu_load.py hold|compute`, until its input ends.

It needs the driver and nothing else: no CUDA toolkit, no library that was built for this GPU.
https://docs.nvidia.com/cuda/cuda-driver-api/
"""

from __future__ import annotations

import contextlib
import ctypes
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HELD_MIB = 512


def main(how: str) -> None:
    driver = Driver()
    pointer = driver.allocate(HELD_MIB << 20)
    print("ready", flush=True)
    while not _input_is_over(0.0 if how == "compute" else 1.0):
        if how == "compute":
            driver.fill(pointer, HELD_MIB << 20)


def _input_is_over(wait_s: float) -> bool:
    return bool(select.select([sys.stdin], [], [], wait_s)[0])


class Driver:
    """The first GPU. Raises RuntimeError for what the driver refuses."""

    def __init__(self) -> None:
        self._cuda = ctypes.CDLL("libcuda.so.1")
        self._context = ctypes.c_void_p()
        self._do("cuInit", 0)
        self._do("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), 0)
        self._do("cuCtxSetCurrent", self._context)

    def allocate(self, size: int) -> ctypes.c_uint64:
        pointer = ctypes.c_uint64()
        self._do("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size))
        return pointer

    def fill(self, pointer: ctypes.c_uint64, size: int) -> None:
        """A hundred times, then wait for it."""
        for _ in range(100):
            self._do("cuMemsetD32_v2", pointer, ctypes.c_uint(1), ctypes.c_size_t(size // 4))
        self._do("cuCtxSynchronize")

    def _do(self, name: str, *words: object) -> None:
        code = getattr(self._cuda, name)(*words)
        if code:
            raise RuntimeError(f"{name} said {code}")


@contextlib.contextmanager
def gpu_load(how: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that holds memory of the first GPU and, if *how* is "compute", keeps it busy."""
    words = [sys.executable, str(Path(__file__)), how]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process  # leaving closes its input, and waits for it


if __name__ == "__main__":
    main(sys.argv[1])
