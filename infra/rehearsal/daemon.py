"""The background process: one event loop for the instances, threads for the AWS side, one project."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import json
import logging
import os
import shutil
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from infra.errors import RehearsalDown
from infra.rehearsal import clock as clocks
from infra.rehearsal import processes, secret
from infra.rehearsal.instance.network import Network
from infra.rehearsal.paths import Place, write_whole
from infra.rehearsal.shims import engine
from infra.rehearsal.startup_proxy import Gate, serve

if TYPE_CHECKING:
    from infra.rehearsal.app import World

IDLE_S: Final = 3600.0
PORT: Final = "RIG_REHEARSAL_PORT"  # a fixed port instead of a free one

log = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """Another process holds this project's lock, or is just coming up."""


def run(project: Path, environ: Mapping[str, str]) -> None:
    """Serve *project* until asked to end or idle for an hour. Raises AlreadyRunning, RehearsalDown."""
    place = Place(project)
    place.prepare()
    with _lock(place):
        place.cloud_file.unlink(missing_ok=True)
        if place.log.exists():
            os.truncate(place.log, 0)  # each cloud begins its own; ours is opened to append
        _clear_leftovers(place)
        asyncio.run(_serve(place, environ))


def _lock(place: Place) -> IO[str]:
    lock = place.lock_file.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise AlreadyRunning from None
    return lock


def _clear_leftovers(place: Place) -> None:
    """What a killed process left behind: its instances' processes, and disks that no cloud knows any more."""
    _end_instances(place)
    Network(place.folder, os.environ).clear()
    for folder in (place.instances, place.images):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    engine.found_file(place.engine_file).unlink(missing_ok=True)


def _end_instances(place: Place) -> None:
    processes.end(place.mark)
    engine.of_cloud(place.engine_file).remove()


async def _serve(place: Place, environ: Mapping[str, str]) -> None:
    began = time.monotonic()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    sock = _listen(int(environ.get(PORT, "0")))
    address = f"127.0.0.1:{sock.getsockname()[1]}"
    endpoint = f"http://{address}"
    clock = clocks.from_environment(environ)
    gate = Gate(place, clock, address, secret.renew(place))
    serve(gate, sock)
    write_whole(place.cloud_file, json.dumps({"endpoint_url": endpoint, "pid": os.getpid(), "started": time.time()}))
    log.info("answers at %s after %.2f s", endpoint, time.monotonic() - began)
    try:
        world = await asyncio.to_thread(_build, place, clock, endpoint, asyncio.get_running_loop())
        gate.open(world.application, world.control)
        log.info("whole after %.2f s", time.monotonic() - began)
        watching = asyncio.create_task(world.watch_on())
        await _until(ended, world)
        watching.cancel()
        await world.close()
    finally:
        place.cloud_file.unlink(missing_ok=True)
        place.secret_file.unlink(missing_ok=True)
        # The disks stay until the next start: there may be a run on one that nobody has fetched.
        _end_instances(place)
        log.info("ended")


def _build(place: Place, clock: clocks.Clock, endpoint: str, loop: asyncio.AbstractEventLoop) -> World:
    # moto and asyncssh take a second to import: meanwhile the process answers already, and the caller imports boto3.
    from infra.rehearsal.cloud import server

    server.configure_moto(place)
    # moto reads a hundred tables that are never garbage; looking through them for some costs a quarter of the time.
    gc.disable()
    from infra.rehearsal.app import World

    world = World(place, clock, endpoint, loop)
    gc.freeze()
    gc.enable()
    return world


def _listen(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise RehearsalDown(
            f"Port {port} of this computer is taken, so the rehearsal cloud cannot use it.",
            f"set {PORT} to another port, or leave it unset: a free one is then chosen",
        ) from error
    sock.listen(128)
    return sock


async def _until(ended: asyncio.Event, world: World) -> None:
    """Return when somebody asks, or when nobody has wanted anything for an hour."""
    while world.idle_s() < IDLE_S or await asyncio.to_thread(world.room.in_use):
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended.wait(), timeout=60.0)
            return
