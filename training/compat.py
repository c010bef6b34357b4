"""The one door to MXNet 1.9.1: fixes what newer NumPy and Python took away, tunes the process, then imports it.

MXNet 1.9.1 was written for NumPy 1.x and Python with distutils; with the names of `mxnet_hook` it runs on NumPy 1.23 to
2.x and Python 3.10 to 3.13. On the CPU the process environment decides a factor of two, and it is read once, when the
shared library is loaded: so everybody here imports `mx` from this module, never from `mxnet`.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from training.mxnet_hook import install
from training.spare_cores import cores_are_spare

# MXNet's own element-wise loops start an OpenMP team for each small array and fight with oneDNN's team for the cores.
# An array must be bigger than this before they do; measured: up to twice the samples per second.
# https://mxnet.apache.org/versions/1.9.1/api/faq/env_var
PARALLEL_SIZE = "2000000000"
# How many turns a waiting thread spins before it sleeps. Where the cores are spare, 30 to 150 microseconds, by the
# processor: asleep at once, small nets lose to the wake-ups. Where another program wants them too, none: whoever spins
# keeps a core from whom it waits for. docs/decisions/0006-waiting.md has the figures.
# https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
SPIN_COUNT, NO_SPIN = "3000", "0"
CORES_TAKEN = " (other programs take the cores)"


def physical_cores() -> int:
    """Cores this process may use, counting two hyper-threads of a core once."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = {_siblings(cpu) for cpu in allowed}
    return max(1, min(len(siblings), _container_limit()))


def _siblings(cpu: int) -> str:
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:  # not Linux, or a sandbox without sysfs: every CPU counts
        return str(cpu)


def _container_limit() -> int:
    """CPUs that `docker run --cpus` (control group v2) leaves to this process."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return sys.maxsize
    return sys.maxsize if quota == "max" else max(1, round(int(quota) / int(period)))


def tune(environ: MutableMapping[str, str], are_spare: Callable[[int], bool] = cores_are_spare) -> str:
    """Set what MXNet and OpenMP read at load time, where the user has not; return a sentence that says it."""
    # Several workers share the cores of a machine (infra/remote/workers.py starts them).
    threads = max(1, physical_cores() // int(environ.get("HOROVOD_LOCAL_SIZE", "1")))
    wanted = {
        "OMP_NUM_THREADS": str(threads),
        **_how_threads_wait(environ, lambda: are_spare(threads)),
        "MXNET_CPU_PARALLEL_SIZE": PARALLEL_SIZE,
    }
    said = []
    for name, value in wanted.items():
        kept = environ.setdefault(name, value)
        said.append(f"{name}={kept}" + (CORES_TAKEN if value == NO_SPIN else "" if kept == value else " (yours)"))
    environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # silences a line per hybridized net
    return "process tuned: " + " ".join(said)


def _how_threads_wait(environ: Mapping[str, str], are_spare: Callable[[], bool]) -> dict[str, str]:
    """The number of threads stays the same on a busy machine: with another one oneDNN adds in another order, and a run
    would not repeat itself to the bit."""
    if "OMP_WAIT_POLICY" in environ:
        return {}  # GOMP_SPINCOUNT would override it
    return {"GOMP_SPINCOUNT": SPIN_COUNT if "GOMP_SPINCOUNT" in environ or are_spare() else NO_SPIN}


def _keep_openmp_to_the_engine() -> None:
    """Python's own thread gets no OpenMP team: reading a weight out of oneDNN's layout would start one there.

    Two teams are more threads than cores, whereupon libgomp lets all of them spin ten times less for good. Measured on
    two cores: LeNet fell from 30,000 to 11,000 images/s with the first checkpoint. Later threads, the engine's too,
    keep the number in OMP_NUM_THREADS. https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
    """
    if os.environ.get("MXNET_ENGINE_TYPE") == "NaiveEngine":
        return  # there, Python's thread is the one that computes
    with suppress(OSError):  # no libgomp, as on macOS: none of its teams either
        ctypes.CDLL("libgomp.so.1").omp_set_num_threads(1)


class Mxnet:
    """MXNet, imported when its first name is asked for: a page of help and a wrong setting wait for nothing."""

    def __getattr__(self, name: str) -> Any:
        self.__dict__.update(vars(import_mxnet()))  # so that each name is looked for here once
        return getattr(sys.modules["mxnet"], name)


def import_mxnet() -> ModuleType:
    if "mxnet" not in sys.modules:
        tuned()
        install()
        importlib.import_module("mxnet")
        _keep_openmp_to_the_engine()
    return sys.modules["mxnet"]


@functools.cache
def tuned() -> str:
    """How this process is tuned, in a sentence. The first call does it, and MXNet is not loaded before."""
    if "mxnet" in sys.modules:
        return "process not tuned: MXNet was imported before training.compat"
    return tune(os.environ)


mx: Any = Mxnet()
NDArray = Any  # mx.nd.NDArray, for readers

__all__ = ["NDArray", "import_mxnet", "mx", "physical_cores", "tune", "tuned"]
