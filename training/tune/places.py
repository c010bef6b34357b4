"""Where trials run: Dask workers on this computer, one trial at a time in each. A lost one's trial goes to another."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster


@contextmanager
def places(count: int, folder: str) -> Iterator[Client]:
    """*folder*: for Dask's own files."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # a worker that dies is told by us, in a sentence
    # A trial that takes three workers with it takes no fourth.
    dask.config.set({"distributed.scheduler.allowed-failures": 2, "distributed.worker.daemon": False})
    cluster = LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=folder,
        silence_logs=logging.CRITICAL,
    )  # fmt: skip
    try:
        with Client(cluster) as client:
            yield client
    finally:
        cluster.close()
