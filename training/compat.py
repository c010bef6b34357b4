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
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from types import ModuleType
from typing import Any

from training.cores import can_bind, free_to_move, machine_cores, physical_cores, take_short_turns
from training.mxnet_hook import install

# MXNet's own element-wise loops start an OpenMP team for each small array and fight with oneDNN's team for the cores.
# An array must be bigger than this before they do; measured: up to twice the samples per second.
# https://mxnet.apache.org/versions/1.9.1/api/faq/env_var
PARALLEL_SIZE = "2000000000"
# How many turns a waiting thread spins before it sleeps: 0.1 to 0.5 milliseconds, by the processor. Asleep at once,
# small nets lose to the wake-ups. docs/decisions/0006-waiting.md has the figures.
# https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
SPIN_COUNT = "10000"
# Each thread of a team has a core of its own: beside another program two of them would now and then share one, each
# waiting for the other. https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fPLACES.html
PLACES, A_CORE_EACH = "OMP_PLACES", "cores"


def tune(environ: MutableMapping[str, str]) -> str:
    """Set what MXNet and OpenMP read at load time, where the user has not; return a sentence that says it."""
    # Several workers share the cores of a machine (infra/remote/workers.py starts them).
    threads = str(max(1, physical_cores() // int(environ.get("HOROVOD_LOCAL_SIZE", "1"))))
    wanted = {
        "OMP_NUM_THREADS": threads,
        **_how_threads_wait(environ),
        **_where_threads_run(environ, environ.get("OMP_NUM_THREADS", threads)),
        "MXNET_CPU_PARALLEL_SIZE": PARALLEL_SIZE,
    }
    said = []
    for name, value in wanted.items():
        kept = environ.setdefault(name, value)
        said.append(f"{name}={kept}" + ("" if kept == value else " (yours)"))
    environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # silences a line per hybridized net
    return "process tuned: " + " ".join(said)


def _how_threads_wait(environ: Mapping[str, str]) -> dict[str, str]:
    return {} if "OMP_WAIT_POLICY" in environ else {"GOMP_SPINCOUNT": SPIN_COUNT}  # which would override it


def _where_threads_run(environ: Mapping[str, str], threads: str) -> dict[str, str]:
    """Bound to cores only in a team that has the whole machine: others would all be bound to the same first cores."""
    if threads == "1" or threads != str(machine_cores()) or not can_bind():
        return {}
    return {} if environ.keys() & {"OMP_PROC_BIND", "GOMP_CPU_AFFINITY"} else {PLACES: A_CORE_EACH}


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
        take_short_turns()
        install()
        with free_to_move():
            importlib.import_module("mxnet")
        if os.environ.get(PLACES) == A_CORE_EACH:
            del os.environ[PLACES]  # a worker of a study has one thread, and would be bound to the first core with it
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

__all__ = ["NDArray", "import_mxnet", "mx", "tune", "tuned"]
