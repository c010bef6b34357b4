"""The kit's code to many hosts side by side, against the slowest of them alone; real ssh, sshd and rsync.

    python bench/many_hosts.py [--hosts 1,4,16,32] [--far-ms 40]

All ends share this computer's cores, while real hosts have their own: the CPU column says what the laptop's part of one
host costs. `--far-ms`: each byte takes half of it on its way, both ways, as to a region that far.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from infra.host.connection import Host
from infra.host.known_hosts import pin
from infra.host.ready import wait_for_ssh
from infra.host.selection import Selection, select_code
from infra.host.sync import push_code
from infra.host.target import Target
from infra.settings import Settings
from infra.workflows.context import Rig
from infra.workflows.nodes import on_each
from tests.host.ssh_server import a_free_port, ssh_server

NOBODY: Any = None
RIG = Rig(settings=Settings(), session=NOBODY, project=Path(), tell=lambda line: None)


class Distance:
    """Leads ports of this computer to others of it, each byte late by *one_way_s*; runs in a thread."""

    def __init__(self, one_way_s: float) -> None:
        self._one_way_s = one_way_s
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def lead_to(self, there: int) -> int:
        here = a_free_port()

        async def meet(ours: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):  # nobody listens there yet, or one end hung up
                theirs, forth = await asyncio.open_connection("127.0.0.1", there)
                await asyncio.gather(self._carry(ours, forth), self._carry(theirs, back))
            back.close()

        asyncio.run_coroutine_threadsafe(asyncio.start_server(meet, "127.0.0.1", here), self._loop).result()
        return here

    async def _carry(self, source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
        while chunk := await source.read(1 << 16):
            self._loop.call_later(self._one_way_s, into.write, chunk)
        self._loop.call_later(self._one_way_s, into.close)


def open_hosts(folder: Path, count: int, distance: Distance | None, stack: ExitStack) -> list[Any]:
    """As nodes of a group: *host*, and *home*, its home folder."""
    found = []
    for number in range(count):
        own = folder / str(number)
        own.mkdir()
        server = stack.enter_context(ssh_server(own))
        pin(folder / "known", f"i-{number}", server.host_key)
        port = distance.lead_to(server.port) if distance else server.port
        target = Target(
            identity=f"i-{number}", address="127.0.0.1", port=port, user=getpass.getuser(), key=server.client_key,
            known_hosts=folder / "known",
        )  # fmt: skip
        wait_for_ssh(target, timeout_s=20)
        found.append(
            SimpleNamespace(host=Host(target), home=server.home, nodes=count, rank=number, node=f"node {number}")
        )
    return found


def hang_up(hosts: Sequence[Any]) -> None:
    for one in hosts:
        line = ["ssh", "-o", f"ControlPath={one.host.target.control_path}", "-O", "exit", "x"]
        subprocess.run(line, capture_output=True)


def send(hosts: Sequence[Any], chosen: Selection, into: str) -> float:
    """Seconds, from no connection at all."""
    hang_up(hosts)
    began = time.perf_counter()
    nodes: Any = hosts  # of a node no more is asked than these have
    on_each(RIG, nodes, lambda _, one: _push(one, chosen, into))
    return time.perf_counter() - began


def _push(one: Any, chosen: Selection, into: str) -> None:
    push_code(one.host, chosen, f"{one.home}/{into}", rsync_there=True)


def cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def measure(counts: Sequence[int], distance: Distance | None) -> None:
    chosen = select_code(PROJECT)
    print("hosts  slowest alone  side by side  times   again  times  laptop's CPU a host")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        hosts = open_hosts(Path(name), max(counts), distance, stack)
        stack.callback(hang_up, hosts)
        for count in counts:
            some = hosts[:count]
            alone = max(send([one], chosen, f"alone{count}") for one in some[:4])
            before = cpu_s()
            together = send(some, chosen, f"code{count}")
            cost = (cpu_s() - before) / count
            again_alone = max(send([one], chosen, f"code{count}") for one in some[:4])
            again = send(some, chosen, f"code{count}")
            print(
                f"{count:5}{alone:13.2f} s{together:12.2f} s{together / alone:7.1f}{again:6.2f} s"
                f"{again / again_alone:7.1f}{cost:20.2f} s", flush=True,
            )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", default="1,4,16,32")
    parser.add_argument("--far-ms", type=float, default=0)
    options = parser.parse_args()
    distance = Distance(options.far_ms / 2000) if options.far_ms else None
    measure([int(word) for word in options.hosts.split(",")], distance)
    return 0


if __name__ == "__main__":
    sys.exit(main())
