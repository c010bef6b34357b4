"""The commands of a user at the instance: ssh, ssh-config, port, notebook, board, image, bake."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from infra.cli.hints import theirs
from infra.console import deliver, tell
from infra.errors import BadSettings, MissingProgram
from infra.settings import Settings


def ssh(options: Namespace, settings: Settings) -> int:
    """A shell there; its own exit code is ours."""
    from infra.cli.context import open_rig
    from infra.host.connection import local_process
    from infra.workflows.shell import shell_line

    line = shell_line(open_rig(settings))
    process = local_process(line)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # typed to the program over there
            continue


def ssh_config(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.host.ssh_config import install_include
    from infra.workflows.ssh_config import write_entry

    entry = write_entry(open_rig(settings))
    works = (
        f"`ssh {entry.alias}` works once this one line stands at the top of ~/.ssh/config; `rig ssh-config --install`"
    )
    tell(theirs(works, settings))
    tell("puts it there. VS Code: Remote-SSH: Connect to Host; Emacs: /ssh:HOST:; vim: scp://HOST/.")
    if options.install:
        new = install_include(Path.home() / ".ssh" / "config", entry.path.parent)
        tell("Done." if new else "It stands there already.")
    deliver(entry.include)
    return 0


def port(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.workflows import shell as story

    number = _port_number(options.which or options.number)
    with story.port(open_rig(settings), number) as tunnel:
        deliver(f"http://127.0.0.1:{tunnel.port}")
        tell(f"leads to port {number} of the instance. Ctrl-C closes it.")
        return _hold(tunnel.hold)


def _port_number(text: str) -> int:
    if not text.isdecimal() or len(text) > 5 or not 0 < int(text) < 65536:
        raise BadSettings(f"{text[:20]!r} is no port: that is a number from 1 to 65535.", "for example: rig port 8080")
    return int(text)


def _hold(hold: Callable[[], object]) -> int:

    try:
        hold()
    except KeyboardInterrupt:
        tell("\nClosed.")
    return 0


def notebook(options: Namespace, settings: Settings) -> int:
    if options.where == "here":
        from infra.cli.lesson_commands import notebook_here

        return notebook_here()
    return _notebook_there(settings)


def _notebook_there(settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import LogView
    from infra.workflows.shell import run_notebook

    def ready(address: str) -> None:
        deliver(address)
        tell("Open it in your browser. Ctrl-C ends Jupyter and brings notebooks/ home.")

    rig = open_rig(settings)
    with LogView() as show:
        return _hold(lambda: run_notebook(rig, ready, show))


def board(options: Namespace, settings: Settings) -> int:
    """TensorBoard over runs/, here: results come home anyway, and `rig pull` brings those of a run that goes on."""
    from importlib.util import find_spec

    from infra.host.connection import local_process
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


def image(options: Namespace, settings: Settings) -> int:
    from infra.cli.context import open_rig
    from infra.cli.progress import LogView
    from infra.workflows.ensure_image import prepare

    rig = open_rig(settings)
    with LogView() as show:
        deliver(prepare(rig, show))
    return 0


def bake(options: Namespace, settings: Settings) -> int:
    from infra import budget
    from infra.cli.context import open_rig
    from infra.cli.progress import LogView
    from infra.workflows.bake import bake as story

    rig = open_rig(settings)
    with LogView() as show:
        baked = story(rig, show)
    said = (
        f"Its snapshot costs {budget.per_month(baked.usd_per_month)} at most while it exists; `rig sweep` shows it.\n"
        f'The next launch is ready at boot with: rig launch --ami {baked.id}  (or ami = "{baked.id}" in rig.toml)'
    )
    tell(theirs(said, settings))
    deliver(baked.id)
    return 0
