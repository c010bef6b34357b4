"""The group "sessions": ssh, ssh-config, port, notebook, serve, board."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Final

from infra.cli.arguments import Group, Option
from infra.cli.options import RUN, WHERE_AM_I, here_or_remote
from infra.console import deliver, tell
from infra.errors import BadSettings, MissingProgram
from infra.settings import MOST_NODES, Settings
from infra.text import whole_number

GROUP: Final = Group("sessions")


@GROUP.command(
    help="a shell on the instance; `rmate FILE` there opens it in the editor here",
    options=(Option(name="node", help="which machine of a group, from 1", default="1", value="N"),),
    settings=WHERE_AM_I,
    examples=(
        ("rig ssh", "leave it with Ctrl-D; the instance stays"),
        ("rig ssh --node 2", "the second machine of a group"),
    ),
    live=False,
)
def ssh(options: Namespace, settings: Settings) -> int:
    """A shell there; its own exit code is ours."""
    from infra.cli.context import open_rig
    from infra.cli.leaving import AskedToEnd
    from infra.host.local_programs import local_process
    from infra.workflows.shell import shell_line

    number = _node_number(options.node)
    line = shell_line(open_rig(settings), number)
    process = local_process(line)
    while True:
        try:
            return process.wait()
        except AskedToEnd:
            raise
        except KeyboardInterrupt:  # typed to the program over there
            continue


def _node_number(text: str) -> int:
    number = whole_number(text, most=MOST_NODES)
    if not number:
        raise BadSettings(f"node = {text[:20]!r}: a number from 1 to {MOST_NODES}.", "`rig status` shows the nodes")
    return number


@GROUP.command(
    help="a Host entry for VS Code Remote-SSH, Emacs, vim and plain ssh",
    options=(Option(name="install", help="put the one Include line at the top of ~/.ssh/config", flag=True),),
    settings=WHERE_AM_I,
    examples=(
        ("rig ssh-config", "the entry, and the one line that takes it in"),
        ("rig ssh-config --install", "and put that line there"),
    ),
)
def ssh_config(options: Namespace, settings: Settings) -> int:
    from pathlib import Path

    from infra.cli.context import open_rig
    from infra.cli.hints import say
    from infra.host.ssh_config import install_include
    from infra.workflows.ssh_config import write_entry

    entry = write_entry(open_rig(settings))
    works = (
        f"`ssh {entry.alias}` works once this one line stands at the top of ~/.ssh/config; `rig ssh-config --install` "
        "puts it there. VS Code: Remote-SSH: Connect to Host; Emacs: /ssh:HOST:; vim: scp://HOST/."
    )
    say(works, settings)
    if options.install:
        new = install_include(Path.home() / ".ssh" / "config", entry.path.parent)
        tell("Done." if new else "It stands there already.")
    deliver(entry.include)
    return 0


@GROUP.command(
    help="lead a port of the instance to this computer, until Ctrl-C",
    arguments=(Option(name="number", help="the port on the instance", default="8080"),),
    settings=WHERE_AM_I,
    examples=(
        ("rig port 8080", "http://127.0.0.1:8080 here is port 8080 there"),
        ("rig port 6006", "a TensorBoard that runs there"),
    ),
    live=False,
)
def port(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.workflows.shell import port as open_port

    number = _port_number(options.number)
    with open_port(open_rig(settings), number) as tunnel:
        deliver(f"http://127.0.0.1:{tunnel.port}")
        tell(f"leads to port {number} of the instance. Ctrl-C closes it.")
        return _hold(tunnel.hold)


def _port_number(text: str) -> int:
    number = whole_number(text, most=65535)
    if not number:
        raise BadSettings(
            f"{text[:20]!r} is no port: that is a number from 1 to 65535.", "for example: `rig port 8080`"
        )
    return number


def _hold(hold: Callable[[], object]) -> int:
    try:
        hold()
    except KeyboardInterrupt:
        tell("\nClosed.")
    return 0


@GROUP.command(
    help="Jupyter on the instance, in the training image; `rig notebook here`: on this computer, over lessons/",
    arguments=(Option(name="where", help="remote, or here", default="remote", choices=("remote", "here")),),
    settings=(*WHERE_AM_I, "base_image", "registry"),
    needed_here=(),
    examples=(
        ("rig notebook", "on the instance; notebooks/ comes home at the end"),
        ("rig notebook here", "on this computer"),
    ),
    live=False,
)
def notebook(options: Namespace, settings: Settings) -> int:
    if options.where == "here":
        from infra.cli.lesson_programs import open_notebook

        return open_notebook()
    return _open_there(settings)


def _open_there(settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import show_log
    from infra.workflows.shell import run_notebook

    def ready(address: str) -> None:
        deliver(address)
        tell("Open it in your browser. Ctrl-C ends Jupyter and brings notebooks/ home.")

    rig = open_rig(settings)
    return _hold(lambda: run_notebook(rig, ready, show_log))


@GROUP.command(
    help="what a run has learned, over HTTP and on a page: here, or with `remote` on the instance",
    arguments=(here_or_remote(instead="run"),),
    options=(
        RUN,
        Option(name="port", help="the port here; without it, 8000 or any that is free"),
        Option(name="host", help="the address to answer on; any but the loopback wants a token", default="127.0.0.1"),
        Option(name="token-file", help="the token that others must know, instead of SERVE_TOKEN's"),
    ),
    settings=(*WHERE_AM_I, "base_image", "registry"),
    needed_here=(),
    examples=(
        ("rig serve", "the newest run, on this computer"),
        ("rig serve remote --run latest", "on the instance; its units come home at the end"),
    ),
    live=False,
)
def serve(options: Namespace, settings: Settings) -> int:
    if options.where == "remote":
        return _serve_there(options, settings)
    return _serve_here(options)


def _serve_here(options: Namespace) -> int:
    """The server takes the place of this process: signals are its own, and so is the exit code."""
    import os
    import sys
    from pathlib import Path

    from infra.workflows.serve import line_here, model_of

    model = model_of(Path("runs"), options.run)
    given = {"--port": options.port, "--host": options.host, "--token-file": options.token_file}
    words = [word for name, value in given.items() if value for word in (name, value)]
    line, environment = line_here(model, Path(".rig") / "serve" / model.parent.resolve().name, words)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execve(line[0], line, environment)


def _serve_there(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import show_log
    from infra.workflows.serve import serve_there

    def ready(address: str) -> None:
        deliver(address)
        tell("Open it in your browser. Ctrl-C ends the server and brings its units home to notebooks/serve/.")

    rig = open_rig(settings)
    return _hold(lambda: serve_there(rig, options.run, ready, show_log))


@GROUP.command(
    help="TensorBoard over runs/, on this computer",
    examples=(
        ("rig board", "over every run in runs/"),
        ("rig pull", "first: the events of a run that goes on"),
    ),
    live=False,
)
def board(options: Namespace, settings: Settings) -> int:
    """TensorBoard over runs/, here: results come home anyway, and `rig pull` brings those of a run that goes on."""
    import os
    import sys
    from importlib.util import find_spec

    from infra.host.local_programs import local_process
    from infra.host.tunnel import free_port

    if find_spec("tensorboard") is None:
        raise MissingProgram("TensorBoard is not installed here.", f"{sys.executable} -m pip install tensorboard")
    number = free_port(6006)
    words = ["--logdir", "runs", "--host", "127.0.0.1", "--port", str(number)]
    deliver(f"http://127.0.0.1:{number}")
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = local_process([sys.executable, "-m", "tensorboard.main", *words], env=quiet)
    try:
        return _hold(process.wait)
    finally:
        process.terminate()
        process.wait()
