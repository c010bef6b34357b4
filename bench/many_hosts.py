"""The kit's code to many hosts side by side, against the slowest of them alone; real ssh, sshd and rsync.

    python bench/many_hosts.py [--hosts 1,4,16,32] [--far-ms 80] [--rounds 3]

`--far-ms`: how long a byte takes to a host and back, as to another region. Each round measures all hosts alone and side
by side in turn; the hosts' disks are memory where this computer has one as a folder, for 32 machines have 32 disks.

All ends share this computer's cores, while real hosts have their own. So the last columns say what the cores alone make
of it: all processor time that was used, on as many cores, against the slowest alone; and that of the laptop by itself.
"""

from __future__ import annotations

import argparse
import getpass
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from bench.roundtrip import hang_up
from infra.host.connection import Host
from infra.host.known_hosts import pin
from infra.host.push import push_code, push_packed
from infra.host.ready import wait_for_ssh
from infra.host.selection import Selection, select_code
from infra.host.target import Target
from infra.settings import Settings
from infra.workflows.context import Rig
from infra.workflows.nodes import on_each
from tests.host.cutting_proxy import Proxy
from tests.host.ssh_server import ssh_server

NOBODY: Any = None
RIG = Rig(settings=Settings(), session=NOBODY, project=Path(), tell=lambda line: None)
MEMORY = Path("/dev/shm")
CORES = len(os.sched_getaffinity(0))
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Turn:
    """Seconds: the slowest alone, all side by side; and of the latter the processor time of laptop, hosts and line."""

    alone: float
    together: float
    laptop: float
    hosts: float
    line: float

    @property
    def times(self) -> float:
        return self.together / self.alone

    @property
    def times_by_cores(self) -> float:
        return (self.laptop + self.hosts + self.line) / CORES / self.alone

    @property
    def times_by_laptop(self) -> float:
        return self.laptop / CORES / self.alone


def open_hosts(folder: Path, count: int, far_s: float, stack: ExitStack) -> list[Any]:
    """As nodes of a group: *host*, and *home*, its home folder; *process*: its sshd."""
    found = []
    for number in range(count):
        own = folder / str(number)
        own.mkdir()
        server = stack.enter_context(ssh_server(own))
        pin(folder / "known", f"i-{number}", server.host_key)
        port = stack.enter_context(Proxy(server.port, delay_s=far_s / 2)).port if far_s else server.port
        target = Target(
            identity=f"i-{number}", address="127.0.0.1", port=port, user=getpass.getuser(), key=server.client_key,
            known_hosts=folder / "known",
        )  # fmt: skip
        wait_for_ssh(target, timeout_s=20)
        node = SimpleNamespace(host=Host(target), home=server.home, nodes=count, rank=number, node=f"node {number}")
        node.process = server.process.pid
        found.append(node)
    return found


Push = Callable[[Host, Selection, str], None]


def push_first(host: Host, chosen: Selection, into: str) -> None:
    assert chosen.packed is not None
    push_packed(host, chosen.packed, into)


def push_again(host: Host, chosen: Selection, into: str) -> None:
    push_code(host, chosen, into, rsync_there=True)


def send(hosts: Sequence[Any], chosen: Selection, push: Push, into: str) -> float:
    """Seconds, from no connection at all, and with nothing packed yet."""
    for one in hosts:
        hang_up(one.host.target)
    anew = replace(chosen)
    began = time.perf_counter()
    nodes: Any = hosts  # of a node no more is asked than these have
    on_each(RIG, nodes, lambda _, one: _push(one, anew, push, into))
    return time.perf_counter() - began


def _push(one: Any, chosen: Selection, push: Push, into: str) -> None:
    push(one.host, chosen, f"{one.home}/{into}")


def take_turn(hosts: Sequence[Any], chosen: Selection, push: Push, into: str, alone_into: str) -> Turn:
    alone = max(send([one], chosen, push, alone_into) for one in hosts[:4])
    before = used_by_us(resource.RUSAGE_CHILDREN), used_by_hosts(hosts), used_by_us(resource.RUSAGE_SELF)
    together = send(hosts, chosen, push, into)
    after = used_by_us(resource.RUSAGE_CHILDREN), used_by_hosts(hosts), used_by_us(resource.RUSAGE_SELF)
    return Turn(alone, together, *(new - old for new, old in zip(after, before, strict=True)))


def used_by_us(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def used_by_hosts(hosts: Sequence[Any]) -> float:
    """Seconds of processor of each sshd, of all below it that runs, and of all that has ended."""
    return sum(_used_by_tree(one.process) for one in hosts)


def _used_by_tree(pid: int) -> float:
    process = Path("/proc", str(pid))
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        children = (process / "task" / str(pid) / "children").read_text().split()
    except OSError:  # it has just ended, and counts as its parent's
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS_A_SECOND + sum(_used_by_tree(int(child)) for child in children)


def measure(counts: Sequence[int], far_s: float, rounds: int) -> None:
    chosen = select_code(PROJECT)
    print(f"{len(chosen.sent)} files, {far_s * 1000:g} ms to and fro, {CORES} cores for all ends")
    print(f"{'':42}times         range   CPU s a host: laptop   host   line  times by cores  by the laptop's")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name, ExitStack() as stack:
        hosts = open_hosts(Path(name), max(counts), far_s, stack)
        for count in counts:
            first, again = [], []
            for number in range(rounds):
                into = f"code{count}-{number}"
                first.append(take_turn(hosts[:count], chosen, push_first, into, f"{into}-alone"))
                again.append(take_turn(hosts[:count], chosen, push_again, into, into))
            show(count, "first", first)
            show(count, "again", again)
        for one in hosts:
            hang_up(one.host.target)


def show(count: int, what: str, turns: Sequence[Turn]) -> None:
    def middle(name: str) -> float:
        return float(statistics.median(getattr(turn, name) for turn in turns))

    times = sorted(turn.times for turn in turns)
    waits = f"alone {middle('alone'):5.2f} s, all {middle('together'):5.2f} s"
    span = f"{times[0]:.1f} to {times[-1]:.1f}"
    used = f"{middle('laptop') / count:23.3f}{middle('hosts') / count:7.3f}{middle('line') / count:7.3f}"
    cores = f"{middle('times_by_cores'):16.1f}{middle('times_by_laptop'):17.1f}"
    print(f"{count:3} hosts, {what}: {waits}{middle('times'):7.1f}{span:>14}{used}{cores}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", default="1,4,16,32")
    parser.add_argument("--far-ms", type=float, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    measure([int(word) for word in options.hosts.split(",")], options.far_ms / 1000, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
