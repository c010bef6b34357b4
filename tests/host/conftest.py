"""A real OpenSSH server of the test's own: unprivileged, on a loopback port, with its own keys and home folder."""

from __future__ import annotations

import dataclasses
import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.host.connection import Host
from infra.host.hostkeys import pin
from infra.host.ready import wait_for_ssh
from infra.host.target import Target

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclasses.dataclass
class Server:
    """*home* is where a login lands. *log* holds one line per command that was run."""

    home: Path
    port: int
    host_key: str
    client_key: Path
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not Path(SSHD).exists():
        pytest.skip("sshd is missing: sudo apt install openssh-server")
    folder = tmp_path_factory.mktemp("sshd")
    home = folder / "home"
    home.mkdir()
    (home / ".environment").touch()  # what every command there starts with
    for name in ("host", "client key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "client key.pub").read_text())
    login = folder / "login"
    login.write_text(
        f'#!/bin/sh\ncd {home} && export HOME={home} && . ./.environment && exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    login.chmod(0o755)
    port = a_free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\nForceCommand {login}\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own wish when it is started as root
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=(folder / "log").open("wb"))
    yield Server(home, port, (folder / "host.pub").read_text(), folder / "client key", process)
    process.send_signal(signal.SIGTERM)
    process.wait()


@pytest.fixture
def target(server: Server, tmp_path: Path) -> Target:
    known_hosts = tmp_path / "known 100% hosts"
    pin(known_hosts, "i-0test", server.host_key)
    found = Target(
        identity="i-0test",
        address="127.0.0.1",
        port=server.port,
        user=getpass.getuser(),
        key=server.client_key,
        known_hosts=known_hosts,
    )
    wait_for_ssh(found, timeout_s=10)
    return found


@pytest.fixture
def host(target: Target) -> Iterator[Host]:
    with Host(target) as opened:
        yield opened
    # The shared connection would live on for half a minute, past the server.
    subprocess.run(["ssh", "-o", f"ControlPath={target.control_path}", "-O", "exit", "x"], capture_output=True)


@pytest.fixture
def free_port() -> int:
    return a_free_port()


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
