"""`rig rehearsal WORD`: look after the pretend cloud of this folder."""

from __future__ import annotations

import shlex
from pathlib import Path

from infra.cli.screens.layout import render_rows
from infra.console import deliver, present, tell
from infra.errors import UserError
from infra.names import REHEARSAL_KEY_ID
from infra.rehearsal import client
from infra.settings import Settings

_OF_A_REAL_ACCOUNT = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")


def look_after(words: list[str], settings: Settings) -> int:
    """The first of *words* says what to do; make hands all of them over in one."""
    do, *further = [*_split(words[0]), *words[1:]] or [""]
    doings = {"up": _up, "down": _down, "status": _status, "env": _env, "fault": _fault}
    if do not in doings:
        raise UserError(f"do = {do!r}: one of {', '.join(doings)}", "`rig rehearsal --help` says more")
    return doings[do](settings, further)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"{text!r} cannot be taken apart: {error}", "quote it as you would in a shell") from None


def _up(settings: Settings, _: list[str]) -> int:
    client.ensure_running(Path.cwd(), tell, engine=settings.engine)
    return _status(settings, [])


def _down(_: Settings, __: list[str]) -> int:
    client.down(Path.cwd())
    present("The rehearsal cloud is gone, and its instances with it.")
    return 0


def _status(_: Settings, __: list[str]) -> int:
    found = client.find(Path.cwd())
    if found is None:
        present("No rehearsal cloud is running here.")
    else:
        present(render_rows([("endpoint", found.endpoint_url), ("process", str(found.pid)), ("log", str(found.log))]))
    return 0


def _env(settings: Settings, __: list[str]) -> int:
    """For a shell: `eval "$(rig rehearsal env)"`, and awscli, boto3 and every other SDK speak to the pretend cloud.

    What a user set for their real account must not get in its way, and none of it is sent to the pretend one.
    """
    found = client.find(Path.cwd())
    if found is None:
        raise UserError("No rehearsal cloud is running here.", "`rig rehearsal up` starts one")
    values = {
        "AWS_ENDPOINT_URL": found.endpoint_url,
        "AWS_ACCESS_KEY_ID": REHEARSAL_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": found.secret,
        "AWS_DEFAULT_REGION": settings.region or "us-east-1",
    }
    deliver("unset " + " ".join(_OF_A_REAL_ACCOUNT))
    deliver("\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items()))
    deliver('export NO_PROXY="127.0.0.1${NO_PROXY:+,$NO_PROXY}"')  # a proxy knows no way to this computer's loopback
    return 0


def _fault(_: Settings, words: list[str]) -> int:
    # In quotes, all in one word, is understood too.
    deliver(client.fault(Path.cwd(), _split(words[0]) if len(words) == 1 else words))
    return 0
