"""Lines typed one after the other: each is a process of its own, forked from one that has imported `rig` already.

Importing, and reading what botocore knows of AWS, is most of what a line costs, and the same each time. What is killed
or followed is the console script itself (`Person.start`).
"""

from __future__ import annotations

import functools
import gc
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from infra.cli.arguments import Request
from infra.settings import Settings

PROJECT = Path(__file__).parents[2]
RIG = Path(sys.executable).with_name("rig")
ROOMS = ("infra.cli", "infra.workflows", "infra.job", "infra.aws", "infra.host", "infra.guard")
SERVICES = ("ec2", "cloudwatch", "scheduler", "ssm", "sts", "iam", "service-quotas", "pricing", "s3")


def type_line(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_s: float
) -> tuple[int, str, str]:
    """Run `rig WORDS` in *folder* to its end: exit code, product, and what was said beside it."""
    with tempfile.TemporaryFile() as order, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        order.write(json.dumps([list(words), str(folder), dict(environment)]).encode())
        order.seek(0)
        answer, theirs = socket.socketpair()
        with answer:
            with theirs:
                files = [theirs.fileno(), order.fileno(), out.fileno(), said.fileno()]
                socket.send_fds(_warm_process(), [b"!"], files)
            answer.settimeout(timeout_s)
            code = answer.recv(16)
        return int(code), _text(out), _text(said)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@functools.cache
def _warm_process() -> socket.socket:
    """It ends when the tests do, since nobody holds the other end of its socket then."""
    ours, its = socket.socketpair()
    with its:
        line = [sys.executable, "-m", "tests.workflows.prompt", str(its.fileno())]
        subprocess.Popen(line, cwd=PROJECT, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, start_new_session=True)
    return ours


def main() -> None:
    orders = socket.socket(fileno=int(sys.argv[1]))
    warm_up()
    while True:
        _, files, *_ = socket.recv_fds(orders, 1, 4)
        if not files:
            return
        if not os.fork():
            orders.close()
            run_and_tell(*files)
            return
        for number in files:
            os.close(number)
        _bury_the_dead()


def warm_up() -> None:
    for room in ROOMS:
        package = import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            import_module(found.name)
    import boto3
    import botocore.session
    import fabric  # noqa: F401  (what `infra` imports at its first use)

    # A line opens clients of its own, and finds what they read already parsed.
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    session = boto3.Session("none", "none", region_name="us-east-1")
    for service in SERVICES:
        session.client(service)
    from infra.host.secret_names import is_secret
    from infra.host.secret_scan import find_in_text

    # Nor does each load the rules of the look for secrets, whose memory lies in a home that is new in each test.
    find_in_text("key"), is_secret("a/b.txt")
    gc.freeze()  # a line's own collections leave all this alone


def run_and_tell(answer: int, order: int, out: int, said: int) -> None:
    """In a fork of the warm process. The line itself is a fork of this one, which waits for it."""
    line = os.fork()
    if not line:
        os.close(answer)
        become_line(order, out, said)
    _, status = os.waitpid(line, 0)
    os.write(answer, str(os.waitstatus_to_exitcode(status)).encode())


def become_line(order: int, out: int, said: int) -> None:
    with open(order) as file:
        words, folder, environment = json.load(file)
    for number, place in ((out, 1), (said, 2)):
        os.dup2(number, place)
        os.close(number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[0] = str(RIG.parent)
    sys.argv = [str(RIG), *words]
    from infra import cli

    refuse_what_is_not_named(cli)
    sys.exit(cli.main())


def refuse_what_is_not_named(cli: Any) -> None:
    """A command that reads a setting which it does not name among those that it needs ends with that: a wrong one
    would end it half-way."""
    from infra.settings import Wrong

    read = cli._settings

    def read_the_named(request: Request) -> Settings:
        given: Settings = read(request)
        command = request.command
        if command.name == "settings":
            return given
        may_wait = command.settings if command.needed is not None else ()
        named = {*request.needed, *may_wait, "engine"}
        other = [f.name for f in fields(Settings) if f.name not in named]
        return given.but(**{name: Wrong(f"`rig {command.name}` reads {name}, and does not name it") for name in other})

    cli._settings = read_the_named


def _bury_the_dead() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
