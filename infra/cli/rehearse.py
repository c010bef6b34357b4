"""`rig rehearsal WORD`: look after the pretend cloud of this folder."""

from __future__ import annotations

import shlex
from argparse import Namespace
from pathlib import Path

from infra.cli import screens
from infra.console import deliver, tell
from infra.errors import UserError
from infra.rehearsal import client
from infra.settings import Settings


def rehearsal(options: Namespace, settings: Settings) -> int:
    words = shlex.split(options.do) if options.do else [options.what, *shlex.split(options.words)]
    doings = {"up": _up, "down": _down, "status": _status, "env": _env, "fault": _fault}
    if not words or words[0] not in doings:
        raise UserError(f"do = {options.do!r}: one of {', '.join(doings)}", "`rig rehearsal --help` says more")
    return doings[words[0]](settings, words[1:])


def _up(settings: Settings, _: list[str]) -> int:
    client.ensure_running(Path.cwd(), tell, engine=settings.engine)
    return _status(settings, [])


def _down(_: Settings, __: list[str]) -> int:
    client.down(Path.cwd())
    deliver("The rehearsal cloud is gone, and its instances with it.")
    return 0


def _status(_: Settings, __: list[str]) -> int:
    found = client.find(Path.cwd())
    if found is None:
        deliver("No rehearsal cloud is running here.")
    else:
        deliver(screens.table([("endpoint", found.endpoint_url), ("process", str(found.pid)), ("log", str(found.log))]))
    return 0


def _env(_: Settings, __: list[str]) -> int:
    """For a shell: `eval "$(rig rehearsal env)"`, and awscli speaks to the pretend cloud."""
    found = client.find(Path.cwd())
    if found is None:
        raise UserError("No rehearsal cloud is running here.", "`rig rehearsal up` starts one")
    values = {
        "AWS_ENDPOINT_URL": found.endpoint_url,
        "AWS_ACCESS_KEY_ID": "rehearsal",
        "AWS_SECRET_ACCESS_KEY": "rehearsal",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    deliver("\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items()))
    return 0


def _fault(_: Settings, words: list[str]) -> int:
    deliver(client.fault(Path.cwd(), words))
    return 0
