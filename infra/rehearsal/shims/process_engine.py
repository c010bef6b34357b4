"""The subset of `docker` that the kit uses, with containers as plain processes: for a computer without an engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from infra.rehearsal.shims import options
from infra.rehearsal.shims.options import Line
from infra.rehearsal.shims.store import DAEMON_REFUSED, Refused, Store

Act = Callable[[Store, Line, Mapping[str, str]], int]


def main(words: list[str], environ: Mapping[str, str]) -> int:
    command, rest = (words[0], words[1:]) if words else ("help", [])
    if command in ("container", "image") and rest and f"{command} {rest[0]}" in COMMANDS:
        command, rest = f"{command} {rest[0]}", rest[1:]
    elif command == "container" and rest:
        command, rest = rest[0], rest[1:]
    if command not in COMMANDS:
        lacking = f"docker: the rehearsal has no `docker {command}`"
        print(f"{lacking}; without a Docker engine it plays only the kit's own commands", file=sys.stderr)
        return 1
    act, valued, switches = COMMANDS[command]
    try:
        line = options.read(rest, valued=valued, switches=switches, intermixed=command not in ("run", "exec"))
        return _find(act)(Store(Path(environ["RIG_ROOT"])), line, environ)
    except options.UnknownOption as error:
        print(error, file=sys.stderr)
        return DAEMON_REFUSED
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.code
    except KeyError as error:  # a --format field that is not there
        print(f"template: no field {error}", file=sys.stderr)
        return 1


def _find(name: str) -> Act:
    """Loaded when it is asked for: a guard on a fast clock asks `docker ps` twice a second, and that needs little."""
    module, _, function = name.partition(".")
    act: Act = getattr(import_module(f"infra.rehearsal.shims.{module}"), function)
    return act


def _spellings(*names: str) -> dict[str, str]:
    """("--tag -t", ...) -> every spelling with its long name."""
    return {spelling: text.split()[0] for text in names for spelling in text.split()}


RUN_VALUES = _spellings(
    "--name", "--label -l", "--env -e", "--env-file", "--volume -v", "--workdir -w", "--stop-timeout", "--entrypoint",
    # Taken, and without effect on a process:
    "--gpus", "--shm-size", "--ulimit", "--user -u", "--network --net", "--publish -p", "--restart", "--memory -m",
    "--cpus", "--hostname -h", "--ipc", "--device", "--runtime", "--log-opt", "--log-driver", "--pull", "--platform",
    "--mount", "--cap-add", "--add-host", "--cgroup-parent",
)  # fmt: skip
_RUN_SWITCHES = _spellings(
    "--detach -d", "--rm", "--init", "--read-only", "--interactive -i", "--tty -t", "--privileged", "--quiet -q"
)
_FORMAT = _spellings("--format -f")
COMMANDS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "run": ("containers.run", RUN_VALUES, _RUN_SWITCHES),
    "exec": ("containers.execute", _spellings("--env -e", "--workdir -w", "--user -u"),
             _spellings("--interactive -i", "--tty -t")),
    "logs": ("containers.logs", _spellings("--since", "--tail -n"), _spellings("--follow -f", "--timestamps -t")),
    "wait": ("containers.wait", {}, {}),
    "stop": ("containers.stop", _spellings("--time --timeout -t"), {}),
    "kill": ("containers.kill", _spellings("--signal -s"), {}),
    "rm": ("containers.remove", {}, _spellings("--force -f", "--volumes -v")),
    "ps": ("docker_queries.ps", _spellings("--filter -f", "--format"),
           _spellings("--all -a", "--quiet -q", "--no-trunc")),
    "inspect": ("docker_queries.inspect", _FORMAT | _spellings("--type"), {}),
    "image inspect": ("docker_queries.image_inspect", _FORMAT, {}),
    "image ls": ("docker_queries.image_list", _spellings("--format", "--filter -f"),
                 _spellings("--quiet -q", "--no-trunc")),
    "images": ("docker_queries.image_list", _spellings("--format", "--filter -f"),
               _spellings("--quiet -q", "--no-trunc")),
    "image rm": ("docker_queries.image_remove", {}, _spellings("--force -f")),
    "rmi": ("docker_queries.image_remove", {}, _spellings("--force -f")),
    "build": ("docker_queries.build",
              _spellings("--tag -t", "--target", "--label", "--build-arg", "--file -f", "--progress", "--platform"),
              _spellings("--pull", "--no-cache", "--quiet -q")),
    "pull": ("docker_queries.pull", _spellings("--platform"), _spellings("--quiet -q")),
    "info": ("docker_queries.info", _FORMAT, {}),
    "version": ("docker_queries.version", _FORMAT, {}),
}  # fmt: skip
