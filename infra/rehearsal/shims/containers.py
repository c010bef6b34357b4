"""The commands of `docker` that act on containers, for containers that are plain processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from infra.rehearsal import processes
from infra.rehearsal.instance.network import NETNS, inside
from infra.rehearsal.paths import CLOUD_MARK, IN_CONTAINER, INSTANCE_MARK
from infra.rehearsal.shims import docker_format
from infra.rehearsal.shims.options import Line
from infra.rehearsal.shims.store import DAEMON_REFUSED, Container, Refused, Store, Wish, new_id, now
from infra.rehearsal.shims.supervise import CONTAINER_MARK, launch

# What a process of the instance needs to be found, to find the shims, and to load its libraries.
INHERITED = (CLOUD_MARK, INSTANCE_MARK, "PATH", "LD_LIBRARY_PATH", "LANG", "TZ")


def run(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    if not line.words:
        raise Refused("docker: 'docker run' requires at least 1 argument", DAEMON_REFUSED)
    with store.locked():
        container = store.add(_wish(store, line, environ))
        launch(container)
    if line.has("--detach"):
        print(container.wish.id)
        return 0
    # The client passes its own end on to the container, as Docker's does (--sig-proxy).
    signal.signal(signal.SIGTERM, lambda *_: _signal(container, signal.SIGTERM))
    signal.signal(signal.SIGINT, lambda *_: _signal(container, signal.SIGINT))
    for number, row in enumerate(container.lines(follow=True)):
        if number:  # the supervisor's own first line is for the log, not for a caller that reads the output
            _print(row, times=False)
    code = container.wait()
    if line.has("--rm"):
        shutil.rmtree(container.folder, ignore_errors=True)
    return code


def _wish(store: Store, line: Line, environ: Mapping[str, str]) -> Wish:
    container_id = new_id()
    name = line.last("--name", f"rehearsal_{container_id[:8]}")
    if (other := store.find(name)) and other.wish.name == name:
        raise Refused(
            f'docker: Error response from daemon: Conflict. The container name "/{name}" is already in use by '
            f'container "{other.wish.id}".', DAEMON_REFUSED
        )  # fmt: skip
    for volume in line.all("--volume"):
        source, target, *_ = (*volume.split(":"), "")
        if source != target:
            raise Refused(
                f"docker: a container that runs as a process sees the host's own paths; {source} cannot appear as "
                f"{target}", DAEMON_REFUSED
            )  # fmt: skip
    image, *command = line.words
    netns = environ.get(NETNS, "") if line.last("--network") == "host" else ""
    program = inside(netns, [*line.all("--entrypoint"), *command] or ["true"])
    asked = [text.partition("=") for text in (*_env_files(line), *line.all("--env"))]
    given = {key: _in_own_tmp(value if equals else environ.get(key, ""), environ) for key, equals, value in asked}
    volumes = [volume.split(":") for volume in line.all("--volume")]
    there = [*(source for source, *_ in volumes), environ["RIG_ROOT"]]
    return Wish(
        id=container_id, name=name, image=image, command=program,
        environment={**{key: environ[key] for key in INHERITED if key in environ}, "HOME": environ["HOME"],
                     "PATH": _path(environ), "TMPDIR": _in_own_tmp("/tmp/", environ),
                     "HOSTNAME": container_id[:12], **given, **_audited(given, there),
                     IN_CONTAINER: "1", CONTAINER_MARK: container_id},
        folder=line.last("--workdir", environ["HOME"]), labels=line.pairs("--label"),
        writable=[*(source for source, *rest in volumes if rest[-1:] != ["ro"]), environ["RIG_ROOT"], "/tmp"],
        stop_timeout_s=int(line.last("--stop-timeout", "10")), remove=line.has("--rm") and line.has("--detach"),
        created=now(),
    )  # fmt: skip


def _audited(given: Mapping[str, str], there: Sequence[str]) -> dict[str, str]:
    """Every Python in it says which files it opens that an instance would not have (audit/sitecustomize.py)."""
    paths = [str(Path(__file__).with_name("audit")), *filter(None, [given.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "RIG_REHEARSAL_THERE": os.pathsep.join(there),
        "RIG_REHEARSAL_BEGAN": str(time.time()),
    }


def _env_files(line: Line) -> list[str]:
    rows = [row for name in line.all("--env-file") for row in Path(name).read_text().splitlines()]
    return [row for row in rows if row and not row.startswith("#")]


def _in_own_tmp(value: str, environ: Mapping[str, str]) -> str:
    """A container has a /tmp of its own; this computer's belongs to all its users, and a name to who comes first."""
    disk = str(Path(environ["RIG_ROOT"]).parent)  # may itself lie below /tmp
    return f"{environ['RIG_ROOT']}{value}" if value.startswith("/tmp/") and not value.startswith(disk) else value


def _path(environ: Mapping[str, str]) -> str:
    """The shims, then the programs of the Python this kit runs in, which is the image, then the system's."""
    shims, _, system = environ["PATH"].partition(os.pathsep)
    return os.pathsep.join((shims, str(Path(sys.executable).parent), system))


def execute(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    name, *command = line.words
    container = _running(store, name)
    wish = container.wish
    done = subprocess.run(command, env={**wish.environment, **line.pairs("--env")},
                          cwd=line.last("--workdir", wish.folder), check=False)  # fmt: skip
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def logs(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    container = store.known(line.words[0])
    since = docker_format.since(line.last("--since"))
    there = [row for row in container.lines(follow=False) if row["time"] >= since]
    tail = line.last("--tail", "all")
    skip = 0 if tail == "all" else max(0, len(there) - int(tail))
    rows = (row for row in container.lines(follow=line.has("--follow")) if row["time"] >= since)
    for row in islice(rows, skip, None):
        _print(row, times=line.has("--timestamps"))
    return 0


def _print(row: Mapping[str, str], *, times: bool) -> None:
    stream = sys.stdout if row["stream"] == "stdout" else sys.stderr
    stream.write(f"{row['time']} {row['log']}" if times else row["log"])
    stream.flush()


def wait(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    for name in line.words:
        print(store.known(name).wait(), flush=True)
    return 0


def stop(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    for name in line.words:
        container = store.known(name)
        if container.alive():
            _signal(container, signal.SIGTERM)
            timeout_s = float(line.last("--time", str(container.wish.stop_timeout_s)))
            if not processes.wait_gone(f"{CONTAINER_MARK}={container.wish.id}", timeout_s):
                _signal(container, signal.SIGKILL)
            container.wait()
        print(name)
    return 0


def kill(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    number = signal.Signals[f"SIG{line.last('--signal', 'KILL').removeprefix('SIG')}"]
    for name in line.words:
        container = _running(store, name)
        _signal(container, number)
        if number is signal.SIGKILL:
            container.wait()
        print(name)
    return 0


def _signal(container: Container, number: signal.Signals) -> None:
    if pid := container.outcome.pid:
        processes.send([pid], number)


def remove(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    for name in line.words:
        container = store.known(name)
        if container.alive():
            if not line.has("--force"):
                raise Refused(f'Error response from daemon: cannot remove container "/{name}": container is running')
            _signal(container, signal.SIGKILL)
            container.wait()
        shutil.rmtree(container.folder)
        print(name)
    return 0


def _running(store: Store, name: str) -> Container:
    container = store.known(name)
    if not container.alive():
        raise Refused(f"Error response from daemon: container {name} is not running")
    return container
