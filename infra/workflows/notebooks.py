"""Jupyter on the instance, and a server there: held open through a tunnel; what they wrote comes home at the end."""

from __future__ import annotations

import contextlib
import http.client
import time
import urllib.request
from collections.abc import Callable, Sequence

from infra.errors import ArtifactsMissing, HostUnreachable, WorldError
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.host.retry import persistently
from infra.host.sync import forget, pull_ended
from infra.host.tunnel import open_tunnel
from infra.job import notebook, serve
from infra.workflows.context import Rig


def end_notebook(rig: Rig, host: Host, facts: Facts) -> list[Exception]:
    """End Jupyter and a server, if they run, and bring notebooks/ home; what of it did not come."""
    rig.tell("Ending what wrote into notebooks/, and bringing it home")
    for line in (notebook.stop(facts.docker), serve.stop(facts.docker)):
        with contextlib.suppress(HostUnreachable):  # then the idle rule ends the machine, and all on it
            host.ask(line)
    there, ours = f"{facts.home}/{notebook.FOLDER}", rig.project / "notebooks"
    arrival = persistently(lambda: pull_ended(host, there, ours, rsync_there=facts.rsync), tell=rig.tell)
    for name, why in {**arrival.notes, **arrival.left}.items():
        rig.tell(f"notebooks/{name}: {why}")
    if not arrival.left:
        forget(ours)
        # While a container is there, what is on the instance is newer than what is here, and nothing is laid over it.
        for line in (notebook.remove(facts.docker), serve.remove(facts.docker)):
            host.ask(line)
    return [ArtifactsMissing(f"notebooks/{name} is not home: {why}.") for name, why in arrival.left.items()]


def require_home(rig: Rig, host: Host, facts: Facts) -> None:
    """End them likewise. Raises ArtifactsMissing where something stays there alone: nothing may be sent over it."""
    for trouble in end_notebook(rig, host, facts):
        raise trouble


def hold_open(
    rig: Rig, host: Host, facts: Facts, *, there: int, token: Sequence[str], page: str,
    wait: Callable[[int, str], None], ready: Callable[[str], None],
) -> None:  # fmt: skip
    """Lead the port *there* to this computer until Ctrl-C; then all comes home, also after a broken line.

    *token* asks for the program's secret as NAME=SECRET; *wait* for its first answer here. *ready* is told the address.
    """
    try:
        with open_tunnel(host.target, there=there) as opened:
            secret = host.run(token).strip().partition("=")[2]
            wait(opened.port, secret)
            ready(f"http://127.0.0.1:{opened.port}/{page}?token={secret}")
            opened.hold()
    finally:
        require_home(rig, host, facts)


def wait_until_it_answers(
    host: Host, address: str, authorization: str, *,
    is_running: Sequence[str], log: Sequence[str], timeout_s: float, failure: Callable[[str], WorldError],
) -> None:  # fmt: skip
    """Ask *address* here until the program behind the tunnel answers. Raises *failure*, told its last words, when it
    has ended (*is_running* prints true or false on the host, *log* its output) or is silent for *timeout_s* seconds."""
    deadline = time.monotonic() + timeout_s
    while not _answers(address, authorization):
        running = host.ask(is_running).out.strip() == "true"
        if not running or time.monotonic() > deadline:
            raise failure(_last_words(host, log))
        time.sleep(0.3)


def _answers(address: str, authorization: str) -> bool:
    """Whether ours does: another program that has its port over there does not know its token."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # proxies are for the outside world
    try:
        opener.open(urllib.request.Request(address, headers={"Authorization": authorization}), timeout=5).close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def _last_words(host: Host, log: Sequence[str]) -> str:
    said = host.ask(log)
    lines = [line.strip() for line in (said.err + said.out).splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
