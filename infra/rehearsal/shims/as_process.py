"""The subset of `docker` that the kit uses, with containers as plain processes: for a computer without an engine."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from infra.rehearsal import processes
from infra.rehearsal.place import CLOUD_MARK, INSTANCE_MARK
from infra.rehearsal.shims import options, views
from infra.rehearsal.shims.options import Line
from infra.rehearsal.shims.store import Container, Store, Wish, new_id, now
from infra.rehearsal.shims.supervise import CONTAINER_MARK, launch
from infra.rehearsal.shims.template import render

DAEMON_REFUSED = 125  # docker's own exit code when the engine, not the command, says no
# What a process of the instance needs to be found, to find the shims, and to load its libraries.
INHERITED = (CLOUD_MARK, INSTANCE_MARK, "PATH", "LD_LIBRARY_PATH", "LANG", "TZ")


class Refused(Exception):
    """The engine says no; the text goes to stderr."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def main(words: list[str], environ: Mapping[str, str]) -> int:
    verb, rest = (words[0], words[1:]) if words else ("help", [])
    if verb in ("container", "image") and rest and f"{verb} {rest[0]}" in VERBS:
        verb, rest = f"{verb} {rest[0]}", rest[1:]
    elif verb == "container" and rest:
        verb, rest = rest[0], rest[1:]
    if verb not in VERBS:
        print(f"docker: the rehearsal has no `docker {verb}`; without a Docker engine it plays only the kit's own verbs",
              file=sys.stderr)  # fmt: skip
        return 1
    act, valued, switches = VERBS[verb]
    try:
        line = options.read(rest, valued=valued, switches=switches, intermixed=verb not in ("run", "exec"))
        return act(Store(Path(environ["RIG_ROOT"])), line, environ)
    except options.UnknownOption as error:
        print(error, file=sys.stderr)
        return DAEMON_REFUSED
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.code
    except KeyError as error:  # a --format field that is not there
        print(f"template: no field {error}", file=sys.stderr)
        return 1


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
    given = {key: value if "=" in text else environ.get(key, "")
             for text in line.all("--env") for key, _, value in [text.partition("=")]}  # fmt: skip
    return Wish(
        id=container_id, name=name, image=image, command=[*line.all("--entrypoint"), *command] or ["true"],
        environment={**{key: environ[key] for key in INHERITED if key in environ}, "HOME": environ["HOME"],
                     "HOSTNAME": container_id[:12], **given, "RIG_IN_CONTAINER": "1", CONTAINER_MARK: container_id},
        folder=line.last("--workdir", environ["HOME"]), labels=line.pairs("--label"),
        stop_timeout_s=int(line.last("--stop-timeout", "10")), remove=line.has("--rm") and line.has("--detach"),
        created=now(),
    )  # fmt: skip


def execute(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    name, *command = line.words
    container = _running(store, name)
    wish = container.wish
    done = subprocess.run(command, env={**wish.environment, **line.pairs("--env")},
                          cwd=line.last("--workdir", wish.folder), check=False)  # fmt: skip
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def logs(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    container = _known(store, line.words[0])
    since = views.since(line.last("--since"))
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
        print(_known(store, name).wait(), flush=True)
    return 0


def stop(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    for name in line.words:
        container = _known(store, name)
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
        container = _known(store, name)
        if container.alive():
            if not line.has("--force"):
                raise Refused(f'Error response from daemon: cannot remove container "/{name}": container is running')
            _signal(container, signal.SIGKILL)
            container.wait()
        shutil.rmtree(container.folder)
        print(name)
    return 0


def ps(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    rows = [row for row in map(views.listed, store.all()) if line.has("--all") or row["State"] == "running"]
    for text in line.all("--filter"):
        rows = [row for row in rows if views.matches(row, text)]
    template = "{{.ID}}" if line.has("--quiet") else line.last("--format", views.PS_TABLE)
    if template == views.PS_TABLE:
        print(views.PS_HEAD)
    for row in rows:
        print(render(template, row))
    return 0


def inspect(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    return _show([views.inspected(_known(store, name)) for name in line.words], line)


def image_inspect(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    images = store.images()
    for name in line.words:
        if name not in images:
            raise Refused(f"[]\nError response from daemon: No such image: {name}")
    return _show([images[name] for name in line.words], line)


def _show(values: list[dict[str, Any]], line: Line) -> int:
    if line.has("--format"):
        for value in values:
            print(render(line.last("--format"), value))
    else:
        print(json.dumps(values, indent=4))
    return 0


def image_list(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    for tag, image in store.images().items():
        if line.words and not views.same_image(tag, line.words[0]):
            continue
        repository, _, version = tag.rpartition(":")
        row = {
            "ID": image["Id"][7:19],
            "Repository": repository,
            "Tag": version,
            "CreatedAt": image["Created"],
            "Size": "0B",
        }
        print(render("{{.ID}}" if line.has("--quiet") else line.last("--format", views.IMAGES_TABLE), row))
    return 0


def image_remove(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    store.drop_images(line.words)
    return 0


def build(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    if line.words == ["-"]:
        while sys.stdin.buffer.read(1 << 16):
            pass  # the context must be taken, or its sender dies of a broken pipe
    print("rehearsal: there is no Docker engine here, so nothing is built; the name alone is recorded")
    for tag in line.all("--tag"):
        print(f"naming to {tag} {store.add_image(tag, line.pairs('--label'))['Id']}")
    return 0


def pull(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    print("rehearsal: there is no Docker engine here, so nothing is pulled; the name alone is recorded")
    store.add_image(line.words[0], {})
    return 0


def info(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    return _show_one(views.engine_info(store), line)


def version(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    return _show_one(views.VERSION, line)


def _show_one(value: Mapping[str, Any], line: Line) -> int:
    print(render(line.last("--format"), value) if line.has("--format") else json.dumps(value, indent=1))
    return 0


def _known(store: Store, name: str) -> Container:
    container = store.find(name)
    if container is None:
        raise Refused(f"Error response from daemon: No such container: {name}")
    return container


def _running(store: Store, name: str) -> Container:
    container = _known(store, name)
    if not container.alive():
        raise Refused(f"Error response from daemon: container {name} is not running")
    return container


def _spellings(*names: str) -> dict[str, str]:
    """("--tag -t", ...) -> every spelling with its long name."""
    return {spelling: text.split()[0] for text in names for spelling in text.split()}


_RUN_VALUES = _spellings(
    "--name", "--label -l", "--env -e", "--volume -v", "--workdir -w", "--stop-timeout", "--entrypoint", "--gpus", "--shm-size",
    "--ulimit", "--user -u", "--network --net", "--publish -p", "--restart", "--memory -m", "--cpus", "--hostname -h", "--ipc",
    "--device", "--runtime", "--log-opt", "--log-driver", "--pull", "--platform", "--mount", "--cap-add",
)  # fmt: skip
_RUN_SWITCHES = _spellings(
    "--detach -d", "--rm", "--init", "--interactive -i", "--tty -t", "--privileged", "--quiet -q"
)
_FORMAT = _spellings("--format -f")
Act = Callable[[Store, Line, Mapping[str, str]], int]
VERBS: dict[str, tuple[Act, dict[str, str], dict[str, str]]] = {
    "run": (run, _RUN_VALUES, _RUN_SWITCHES),
    "exec": (execute, _spellings("--env -e", "--workdir -w", "--user -u"), _spellings("--interactive -i", "--tty -t")),
    "logs": (logs, _spellings("--since", "--tail -n"), _spellings("--follow -f", "--timestamps -t")),
    "wait": (wait, {}, {}),
    "stop": (stop, _spellings("--time --timeout -t"), {}),
    "kill": (kill, _spellings("--signal -s"), {}),
    "rm": (remove, {}, _spellings("--force -f", "--volumes -v")),
    "ps": (ps, _spellings("--filter -f", "--format"), _spellings("--all -a", "--quiet -q", "--no-trunc")),
    "inspect": (inspect, _FORMAT | _spellings("--type"), {}),
    "image inspect": (image_inspect, _FORMAT, {}),
    "image ls": (image_list, _spellings("--format", "--filter -f"), _spellings("--quiet -q", "--no-trunc")),
    "images": (image_list, _spellings("--format", "--filter -f"), _spellings("--quiet -q", "--no-trunc")),
    "image rm": (image_remove, {}, _spellings("--force -f")),
    "rmi": (image_remove, {}, _spellings("--force -f")),
    "build": (build, _spellings("--tag -t", "--target", "--label", "--build-arg", "--file -f", "--progress", "--platform"),
              _spellings("--pull", "--no-cache", "--quiet -q")),
    "pull": (pull, _spellings("--platform"), _spellings("--quiet -q")),
    "info": (info, _FORMAT, {}),
    "version": (version, _FORMAT, {}),
}  # fmt: skip
