"""A network of its own for the machines of a group, where Linux and root allow it: a network namespace for each, joined
by a bridge that stands in yet another. Nothing of the computer's own network is touched.

On the loopback every address is right. Here a program that binds to the wrong interface is not reached, and a line can
be cut or made slow while both ends live. SSH and the metadata stay on the loopback: only containers in the host's
network (`docker run --network host`) run inside. https://man7.org/linux/man-pages/man8/ip-netns.8.html
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from infra.rehearsal.paths import path_with_system

LOOPBACK: Final = "127.0.0.1"
NETNS: Final = "RIG_REHEARSAL_NETNS"  # "0" in the environment of the cloud: do without; on an instance: its namespace
HOSTS: Final = Path("/etc/netns")
MOST: Final = 250


class Network:
    """*folder*: the cloud's; its namespaces bear a name made of it. *as_processes*: whether containers are processes;
    those of a Docker engine stand in this computer's own network. Called from any thread, one call at a time."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], as_processes: Callable[[], bool] = lambda: True
    ) -> None:
        self._as_processes = as_processes
        self._prefix = "rig" + hashlib.sha256(str(folder).encode()).hexdigest()[:6]
        self._wanted = environ.get(NETNS, "1") != "0"
        self._numbers: dict[str, int] = {}

    def join(self, instance_ids: Iterable[str]) -> dict[str, str]:
        """The private address of each; that of the loopback for all where there can be no network."""
        ids = list(instance_ids)
        if not self._can() or len(self._numbers) + len(ids) > MOST or not self._as_processes():
            return dict.fromkeys(ids, LOOPBACK)
        try:
            return {one: self._add(one) for one in ids}
        except subprocess.CalledProcessError:  # a container without the right to
            for one in ids:
                self.leave(one)
            return dict.fromkeys(ids, LOOPBACK)

    def environment(self, instance_id: str) -> dict[str, str]:
        """What tells the instance's `docker` where containers in the host's network run."""
        number = self._numbers.get(instance_id)
        return {} if number is None else {NETNS: self._name(number)}

    def cut(self, number: int) -> bool:
        """Take the line of the *number*-th machine down; False where there is none."""
        return self._on(number, "ip", "link", "set", "eth0", "down")

    def slow(self, rate: str) -> int:
        """Let each machine send no more than *rate* ("5mbit"); how many do so now."""
        shape = (
            "tc",
            "qdisc",
            "replace",
            "dev",
            "eth0",
            "root",
            "tbf",
            "rate",
            rate,
            "burst",
            "32kbit",
            "latency",
            "1s",
        )
        return sum(self._on(number, *shape) for number in list(self._numbers.values()))

    def heal(self) -> None:
        for number in list(self._numbers.values()):
            self._on(number, "ip", "link", "set", "eth0", "up")
            self._on(number, "tc", "qdisc", "del", "dev", "eth0", "root")

    def leave(self, instance_id: str) -> None:
        number = self._numbers.pop(instance_id, None)
        if number is not None:
            self._remove(self._name(number))

    def clear(self) -> None:
        """All namespaces of this cloud, those of one that was killed, too."""
        if self._can():
            listed = _run("ip", "netns", "list", check=False).stdout
            for name in (line.split()[0] for line in listed.splitlines() if line.startswith(self._prefix)):
                self._remove(name)
        self._numbers.clear()

    def _can(self) -> bool:
        return self._wanted and sys.platform == "linux" and os.geteuid() == 0 and _ip() is not None

    def _name(self, number: int) -> str:
        return f"{self._prefix}-{number}"

    def _add(self, instance_id: str) -> str:
        bridge = f"{self._prefix}-br"
        if not self._numbers:
            self._remove(bridge)
            _run("ip", "netns", "add", bridge)
            _run("ip", "-n", bridge, "link", "add", "br0", "type", "bridge")
            _run("ip", "-n", bridge, "link", "set", "br0", "up")
        number = next(n for n in range(1, MOST + 1) if n not in self._numbers.values())
        self._numbers[instance_id] = number
        name, address = self._name(number), f"10.77.0.{number}"
        self._remove(name)
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", f"ve{number}", "netns", bridge, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "-n", bridge, "link", "set", f"ve{number}", "master", "br0", "up")
        _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _run("ip", "-n", name, "link", "set", device, "up")
        # `ip netns exec` puts it over /etc/hosts, as --add-host does in a container.
        (HOSTS / name).mkdir(parents=True, exist_ok=True)
        (HOSTS / name / "hosts").write_text(f"127.0.0.1 localhost\n{address} {socket.gethostname()}\n")
        return address

    def _remove(self, name: str) -> None:
        _run("ip", "netns", "del", name, check=False)
        shutil.rmtree(HOSTS / name, ignore_errors=True)

    def _on(self, number: int, *words: str) -> bool:
        if number not in self._numbers.values():
            return False
        return _run("ip", "netns", "exec", self._name(number), *words, check=False).returncode == 0


def _run(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`ip` finds what it starts by the PATH that it is given."""
    environ = {**os.environ, "PATH": path_with_system()}
    return subprocess.run(words, capture_output=True, text=True, check=check, env=environ)


def _ip() -> str | None:
    return shutil.which("ip", path=path_with_system())


def inside(netns: str, command: list[str]) -> list[str]:
    """*command*, as it runs in the namespace *netns*; the process is still its own."""
    return [_ip() or "ip", "netns", "exec", netns, *command] if netns else command
