"""What the kit adds to the few shell lines that do the same, over a real sshd on this computer: `bench/waits.py` asks.

`trip`: a trivial script in Docker, that is sync, start, follow, verdict, pull; against rsync, `ssh docker run -d`,
`ssh docker logs -f`, `ssh docker wait`, rsync. `sync`: one in which nothing has changed, over a line of 80 ms, against
rsync alone through the same kind of shared connection.

Needs sshd, rsync and, for the trip, a Docker engine with an image that has python3 (RIG_BENCH_IMAGE, else the kit's own
for the CPU).
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from bench.turns import Row, take_turns
from infra.host import command_lines
from infra.host.connection import Host
from infra.host.facts import ask_facts
from infra.host.known_hosts import pin
from infra.host.push import push_code
from infra.host.ready import wait_for_ssh
from infra.host.selection import select_code
from infra.host.target import Target
from infra.job import artifacts, docker_image, run
from infra.job.container import Container
from infra.job.outcome import judge
from tests.host.cutting_proxy import Proxy
from tests.host.ssh_server import Server

LINE_S = 0.080  # there and back
SCRIPT = "import os; open(os.environ['RIG_RUN_DIR'] + '/weights', 'w').write('learned'); print('done')\n"


def target_of(folder: Path, server: Server, port: int) -> Target:
    known_hosts = folder / "known_hosts"
    pin(known_hosts, "i-0bench", server.host_key)
    found = Target(
        identity="i-0bench", address="127.0.0.1", port=port, user=getpass.getuser(), key=server.client_key,
        known_hosts=known_hosts,
    )  # fmt: skip
    wait_for_ssh(found, timeout_s=20)
    return found


def hang_up(target: Target) -> None:
    """Close the shared connection: each trip begins as a command does that is typed after a pause."""
    subprocess.run(command_lines.ssh(target, options=["-O", "exit"]), capture_output=True)


# --- The trip --------------------------------------------------------------------------------------------------------


def trip(folder: Path, server: Server, n: int) -> list[Row]:
    name = os.environ.get("RIG_BENCH_IMAGE") or docker_image.tag("cpu", os.environ.get("RIG_BASE_IMAGE", ""))
    if (
        not shutil.which("docker")
        or subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode
    ):
        print(f"round trip of a script: left out, no Docker engine with the image {name} answers here")
        return []
    lend_engine(server)
    target = target_of(folder, server, server.port)
    code = folder / "code"
    code.mkdir()
    (code / "script.py").write_text(SCRIPT)

    def ours(turn: int) -> None:
        hang_up(target)
        our_trip(target, code, folder / "ours", f"bench-{os.getpid()}-{turn}", name)

    def plain(turn: int) -> None:
        plain_trip(target, code, folder / f"plain-{turn}", f"plain-{os.getpid()}-{turn}", name)

    return [take_turns("round trip of a script", "five lines of rsync, ssh and docker", ours, plain, n=n, most=1.25)]


def lend_engine(server: Server) -> None:
    """Put a `docker` on the host that reaches this computer's engine; one without a bridge lends its own network."""
    client = shutil.which("docker")
    asked = ["docker", "network", "ls", "--quiet", "--filter", "driver=bridge"]
    bridge = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    lend = "" if bridge else '[ "$1" = run ] && shift && set -- run --network host "$@"\n'
    docker = server.home / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\n{lend}exec {client} "$@"\n')
    docker.chmod(0o755)
    where = f"export DOCKER_HOST={os.environ['DOCKER_HOST']}\n" if "DOCKER_HOST" in os.environ else ""
    (server.home / ".environment").write_text(f"export PATH={docker.parent}:$PATH\n{where}")


def our_trip(target: Target, code: Path, home: Path, name: str, wanted: str) -> None:
    """As infra/workflows/train.py tells it."""
    shown: list[str] = []
    with Host(target) as host:
        host.get_ready()
        facts = ask_facts(host, images=[wanted])
        push_code(host, select_code(code), f"{facts.home}/rig/code", rsync_there=facts.rsync)
        container = Container(run=name, image=wanted, command=["python3", "script.py"], facts=facts, gpu=False)
        run.start(host, container, tell=print)
        run.follow(lambda: host, facts.docker, name, shown.append, tell=print)
        facts = ask_facts(host)
        (one,) = [one for one in facts.runs if one.name == name]
        folder = artifacts.fetch(host, facts, one, home, tell=print)
        judge(one, facts.ended)
    assert (folder / "weights").read_text() == "learned", shown
    assert shown == ["done"]


def plain_trip(target: Target, code: Path, home: Path, name: str, wanted: str) -> None:
    """What a user would type: five lines, each a connection of its own, and the container removed at last."""
    alone = [*command_lines.ssh_options(target), "-S", "none"]
    there = f"plain/{name}"
    rsync = ["rsync", "--archive", "--rsh", shlex.join(["ssh", *alone])]
    at = ["ssh", *alone, target.address]
    call([*rsync, f"{code}/", f"{target.address}:plain-code/"])
    mounts = f"--user $(id -u):$(id -g) -v $HOME:$HOME -w $HOME/plain-code -e RIG_RUN_DIR=$HOME/{there}"
    call([*at, f"mkdir -p {there} && docker run -d --name {name} {mounts} {wanted} python3 script.py"])
    assert call([*at, f"docker logs -f {name}"]) == "done\n"
    assert call([*at, f"docker wait {name}; docker rm {name} >/dev/null"]) == "0\n"
    call([*rsync, f"{target.address}:{there}/", f"{home}/"])
    assert (home / "weights").read_text() == "learned"


def call(line: list[str]) -> str:
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


# --- The sync --------------------------------------------------------------------------------------------------------


def sync(folder: Path, server: Server, n: int) -> list[Row]:
    """500 files, nothing changed since the last time; both through an open shared connection, as the second command is
    within half a minute of the first."""
    code = some_project(folder / "project")
    with far_away(folder, server) as (target, host):
        home = str(server.home)
        push_code(host, select_code(code), f"{home}/ours", rsync_there=True)
        subprocess.run(["cp", "-a", f"{home}/ours", f"{home}/plain"], check=True)
        rsync = ["rsync", "--archive", "--delete", *command_lines.rsync_shell(target)]

        def ours(_: int) -> None:
            push_code(host, select_code(code), f"{home}/ours", rsync_there=True)

        def plain(_: int) -> None:
            call([*rsync, "--exclude=.git", f"{code}/", f"{target.address}:{home}/plain/"])

        row = take_turns("sync without changes, 80 ms away", "rsync, line open", ours, plain, n=n, most=1.1)
        hang_up(target)
    return [row]


@contextmanager
def far_away(folder: Path, server: Server) -> Iterator[tuple[Target, Host]]:
    with Proxy(server.port, delay_s=LINE_S / 2) as proxy:
        target = target_of(folder, server, proxy.port)
        with Host(target) as host:
            yield target, host


def some_project(folder: Path) -> Path:
    for n in range(500):
        path = folder / f"package{n % 20}" / f"module{n}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(5000).hex().encode())
    (folder / ".gitignore").write_text("*.log\n")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder
