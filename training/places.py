"""Where parts of a program run side by side, by Dask: on this computer, or on each of several machines.

Node 0 has Dask's scheduler and workers of its own; the other nodes lend it theirs (`lend`), and end when it says so.
Who is in the machines' own network may join them: nothing here asks for a name (docs/groups.md).
"""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.cores import physical_cores
from training.errors import TrainingError

MEET_S: Final = 600.0  # as long as the slowest machine may take for its image
LOOK_EVERY_S: Final = 0.5
SILENCE_S: Final = 30.0  # a machine that is not heard of for so long is lost
_OVER: Final = "over"
_OWN_PORT: Final = "127.0.0.1:0"  # of Dask's own pages, which nobody needs: without it 8787 for everybody


@dataclass(frozen=True)
class Place:
    """This machine among *nodes* of one run, number *node* from 0. *first*: "ADDRESS:PORT" of number 0."""

    nodes: int
    node: int
    first: str


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="machines that do it together")
    parser.add_argument("--node", type=int, default=0, metavar="K", help="which of them this is, from 0")
    parser.add_argument("--first", default="", metavar="ADDRESS:PORT", help="where number 0 is")


def read_place(asked: argparse.Namespace) -> Place:
    return Place(asked.nodes, asked.node, asked.first)


def slots_here() -> int:
    """One for each GPU, or where there is none for each core."""
    return count_gpus() or physical_cores()


def count_gpus() -> int:
    if not shutil.which("nvidia-smi"):
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False)
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


@contextmanager
def places(count: int, folder: Path, place: Place) -> Iterator[Any]:
    """Dask's client, with *count* workers here, and as many as each other node lends, once all nodes are there.

    A worker has one of the resource "nodeK", K its machine's number: a part may ask for it. *folder*: for Dask's own
    files. Raises TrainingError for a node that does not come.
    """
    _settle()
    from distributed import Client, LocalCluster

    address, _, port = place.first.rpartition(":")
    with LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, dashboard_address=_OWN_PORT, local_directory=str(folder),
        silence_logs=logging.CRITICAL, host=address or None, scheduler_port=int(port or 0), resources={"node0": 1},
    ) as cluster, Client(cluster) as client:  # fmt: skip
        _wait_for_all(client, place)
        try:
            yield client
        finally:
            if place.nodes > 1:
                client.run(_say_over)
    shutil.rmtree(folder, ignore_errors=True)


def _settle() -> None:
    """What Dask is to do, and that it says nothing: a worker that dies is told by us, in a sentence."""
    import dask
    import distributed  # gives each of its loggers a level of its own

    assert distributed
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"  # of the workers
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    dask.config.set({
        "distributed.scheduler.allowed-failures": 2,  # a part that takes three workers with it takes no fourth
        "distributed.scheduler.worker-ttl": f"{SILENCE_S:g} s",
        "distributed.worker.daemon": False,
        # Forked from a process that has imported Dask once for all of them. macOS does not take forks well.
        "distributed.worker.multiprocessing-method": "forkserver" if sys.platform == "linux" else "spawn",
    })  # fmt: skip


def _wait_for_all(client: Any, place: Place) -> None:
    until = time.monotonic() + MEET_S
    while lacking := sorted(set(range(place.nodes)) - set(workers_by_node(client))):
        if time.monotonic() > until:
            raise TrainingError(f"node {lacking[0] + 1} of {place.nodes} did not come within {MEET_S:g} s")
        time.sleep(LOOK_EVERY_S)


def workers_by_node(client: Any) -> dict[int, list[str]]:
    """The addresses of the workers that are there now."""
    found: dict[int, list[str]] = {}
    for address, worker in client.scheduler_info(n_workers=-1)["workers"].items():
        found.setdefault(node_of(worker["name"]), []).append(address)
    return found


def node_of(name: object) -> int:
    """Workers that are lent are called "NODE:NUMBER", those of node 0 by their number alone."""
    node, lent, _ = str(name).partition(":")
    return int(node) if lent else 0


def why_nothing_came(future: Any) -> str:
    """Of a part that did not end well, in words: its worker died of it three times, or what it raised."""
    from distributed.scheduler import KilledWorker

    error = future.exception() if future.status == "error" else None
    if error is None or isinstance(error, KilledWorker):
        return "its worker died again and again; is there enough memory?"
    return str(error) or type(error).__name__


@contextmanager
def naming_node() -> Iterator[None]:
    """Of what the system refuses a part (a full disk, say), on which machine: it is told on another one."""
    from distributed import get_worker

    try:
        yield
    except OSError as error:
        raise OSError(f"node {node_of(get_worker().name) + 1}: {error}") from None


def _say_over(dask_worker: Any) -> None:
    (Path(dask_worker.local_directory).parents[1] / _OVER).touch()


def lend(count: int, folder: Path, place: Place, stopped: Callable[[], bool] = lambda: False) -> None:
    """Lend node 0 *count* workers until it ends them, or *stopped*. Raises TrainingError when it is lost."""
    _settle()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _OVER).unlink(missing_ok=True)
    own = _reach(place, stopped)
    if own and not asyncio.run(_lend(count, folder, place, own, stopped)):
        raise TrainingError(f"node 1 of {place.nodes} is not heard of any more", "what it had saved is on its disk")
    shutil.rmtree(folder, ignore_errors=True)


def _reach(place: Place, stopped: Callable[[], bool]) -> str:
    """Our own address on the way to node 0, which may still be getting ready; empty when *stopped*."""
    until = time.monotonic() + MEET_S
    while not stopped():
        if own := _own_address(place):
            return own
        if time.monotonic() > until:
            raise TrainingError(f"node 1 of {place.nodes} does not answer at {place.first}")
        time.sleep(LOOK_EVERY_S)
    return ""


def _own_address(place: Place) -> str:
    address, _, port = place.first.rpartition(":")
    try:
        with socket.create_connection((address, int(port)), timeout=5) as line:
            return str(line.getsockname()[0])
    except OSError:
        return ""


async def _lend(count: int, folder: Path, place: Place, own: str, stopped: Callable[[], bool]) -> bool:
    """Whether node 0 said that it is over, or we were stopped."""
    from distributed import Nanny

    options: dict[str, Any] = {"nthreads": 1, "host": own, "death_timeout": MEET_S, "silence_logs": logging.CRITICAL,
                               "resources": {f"node{place.node}": 1}}  # fmt: skip
    lent = [
        Nanny(f"tcp://{place.first}", name=f"{place.node}:{number}", local_directory=str(folder), **options)
        for number in range(count)
    ]
    try:
        await asyncio.gather(*lent)
        return await _until_over(folder, place, stopped)
    finally:
        await asyncio.gather(*(one.close(timeout=5) for one in lent), return_exceptions=True)


async def _until_over(folder: Path, place: Place, stopped: Callable[[], bool]) -> bool:
    heard = time.monotonic()
    while not (stopped() or (folder / _OVER).exists()):
        await asyncio.sleep(LOOK_EVERY_S)
        if await asyncio.to_thread(_own_address, place):
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_S:
            return False
    return True


def pack_files(folder: Path, paths: Iterable[Path]) -> bytes:
    """Those of *paths* that there are, files and whole folders below *folder*, to be sent to another machine."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", strict_timestamps=False) as packed:
        for path in paths:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    packed.write(file, str(file.relative_to(folder)))
    return content.getvalue()


def unpack_files(content: bytes, folder: Path) -> None:
    """The other end: below *folder*, whatever the names say."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder)
