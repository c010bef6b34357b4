"""A real OpenSSH server of the test's own: unprivileged, on a loopback port, with its own keys and home folder."""

from __future__ import annotations

import getpass
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.host.connection import Host
from infra.host.known_hosts import pin
from infra.host.ready import wait_for_ssh
from infra.host.target import Target
from infra.rehearsal.instance.disk import RUN_SHIM
from tests.host.ssh_server import SSHD, Server, a_free_port, ssh_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not Path(SSHD).exists():
        pytest.skip("sshd is missing: sudo apt install openssh-server")
    with ssh_server(tmp_path_factory.mktemp("sshd")) as found:
        yield found


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
    wait_for_ssh(found)
    return found


@pytest.fixture
def host(target: Target) -> Iterator[Host]:
    with Host(target) as opened:
        yield opened
    # The shared connection would live on for half a minute, past the server.
    subprocess.run(["ssh", "-o", f"ControlPath={target.control_path}", "-O", "exit", "x"], capture_output=True)


@pytest.fixture
def docker_as_processes(server: Server) -> Iterator[None]:
    """The host's `docker` runs containers as processes, so that no engine is needed."""
    docker = server.home / "bin" / "docker"
    docker.parent.mkdir(exist_ok=True)
    docker.write_text(f'#!/bin/sh\nexec {sys.executable} -ESs {RUN_SHIM} docker "$@"\n')
    docker.chmod(0o755)
    (server.home / "engine").write_text("process")
    (server.home / ".environment").write_text(
        f"export PATH={docker.parent}:$PATH RIG_ROOT={server.home}/root RIG_INSTANCE_ID=i-0test "
        f"RIG_REHEARSAL_CLOUD={server.home}\n"
    )
    yield
    (server.home / ".environment").write_text("")


@pytest.fixture
def free_port() -> int:
    return a_free_port()
