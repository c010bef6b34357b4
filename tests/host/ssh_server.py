"""A real OpenSSH server of one's own: unprivileged, on a loopback port, with its own keys and home folder."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclasses.dataclass
class Server:
    """*home* is where a login lands."""

    home: Path
    port: int
    host_key: str
    client_key: Path
    process: subprocess.Popen[bytes]


@contextmanager
def ssh_server(folder: Path) -> Iterator[Server]:
    """*folder* must be empty; every command there first reads home/.environment."""
    home = folder / "home"
    home.mkdir()
    (home / ".environment").touch()
    for name in ("host", "client key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "client key.pub").read_text())
    login = folder / "login"
    login.write_text(
        f'#!/bin/sh\ncd {home} && export HOME={home} && . ./.environment && exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    login.chmod(0o755)
    port = a_free_port()
    # HOME: bash reads ~/.bashrc for a command over SSH, too (bash(1), INVOCATION), and this user's is no part of it.
    (folder / "config").write_text(
        f'SetEnv HOME="{home}"\n'
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\nForceCommand {login}\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own wish when it is started as root
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=(folder / "log").open("wb"))
    try:
        yield Server(home, port, (folder / "host.pub").read_text(), folder / "client key", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
