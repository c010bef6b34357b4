"""Signs of use. What cannot be read is no sign: the deadline holds anyway, and a dead probe must not cost money."""

from __future__ import annotations

import os
import re

CONTAINER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")  # Docker's own rule
ESTABLISHED = "01"  # include/net/tcp_states.h in Linux
SSH_PORT = 22


def containers(text: str | None) -> tuple[str, ...]:
    """From the names `docker ps` gave, one per line."""
    names = [line.strip() for line in (text or "").splitlines()]
    return tuple("container " + name for name in names if CONTAINER_NAME.fullmatch(name))


def ssh(proc: str) -> tuple[str, ...]:
    """Established connections to our SSH port: also copies and tunnels, which have no terminal and so no login.

    A list of sessions is not asked: it may hold some whose user has long gone.
    Format: https://docs.kernel.org/networking/proc_net_tcp.html
    """
    count = sum(_connections(os.path.join(proc, "net", name)) for name in ("tcp", "tcp6"))
    return (f"{count} SSH connection(s)",) if count else ()


def _connections(table: str) -> int:
    try:
        with open(table, errors="replace") as file:
            rows = [line.split() for line in file]
    except OSError:
        return 0
    port = f":{SSH_PORT:04X}"
    return sum(len(row) > 3 and row[1].endswith(port) and row[3] == ESTABLISHED for row in rows)


def list_unfetched(home: str) -> tuple[str, ...]:
    """Runs whose results are not home yet. Asked only where powering off destroys the disk (one-time spot)."""
    fetched = set(_folder(os.path.join(home, "rig", "fetched")))
    waiting = [name for name in _folder(os.path.join(home, "rig", "runs")) if name not in fetched]
    return ("results of {} are not home yet".format(", ".join(waiting[:4])),) if waiting else ()


def _folder(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
