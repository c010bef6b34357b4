"""Our own known_hosts: one line per instance id, taken from AWS and never from the network path we are to trust."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from infra.errors import HostKeyChanged


def pin(known_hosts: Path, identity: str, public_key: str) -> None:
    """Remember *public_key* ("ssh-ed25519 AAAA...") as the key of *identity*.

    Raises HostKeyChanged if another key is pinned already: an instance keeps its key for life.
    """
    wanted = " ".join(public_key.split()[:2])
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    with known_hosts.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        pinned = _find(file.read(), identity)
        if pinned is None:
            file.write(f"{identity} {wanted}\n")
            file.flush()
            os.fsync(file.fileno())
        elif pinned != wanted:
            raise explain_changed_key(identity, known_hosts)


def pinned_key(known_hosts: Path, identity: str) -> str | None:
    return _find(known_hosts.read_text(), identity) if known_hosts.exists() else None


def explain_changed_key(identity: str, known_hosts: Path) -> HostKeyChanged:
    return HostKeyChanged(
        f"The machine that answers for {identity} shows another host key than the one AWS printed at its first boot. "
        "Either the disk was replaced, or somebody stands between you and the instance. Nothing was sent.",
        "if you replaced the disk yourself: take the line of "
        f"{identity} out of {known_hosts} and run the command again\n"
        "if you did not: `rig terminate`, and tell whoever runs your network",
    )


def _find(text: str, identity: str) -> str | None:
    for line in text.splitlines():
        name, _, key = line.partition(" ")
        if name == identity:
            return key
    return None
