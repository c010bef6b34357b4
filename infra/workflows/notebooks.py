"""Jupyter on the instance, and a server there: held open through a tunnel; what they wrote comes home at the end."""

from __future__ import annotations

import contextlib
import http.client
import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from infra.errors import ArtifactsMissing, HostUnreachable, WorldError
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.host.retry import persistently
from infra.host.sync import forget, pull, pull_ended
from infra.host.tunnel import open_tunnel
from infra.job import notebook, serve
from infra.workflows.context import Rig


class Program(Protocol):
    """What writes into notebooks/ on the instance, as job/notebook.py and job/serve.py phrase it; *docker* reaches the
    engine. Its container stays when it has ended, until its work is home."""

    def is_running(self, docker: Sequence[str]) -> list[str]: ...
    def stop(self, docker: Sequence[str]) -> list[str]: ...
    def remove(self, docker: Sequence[str]) -> list[str]: ...
    def log(self, docker: Sequence[str]) -> list[str]: ...


PROGRAMS: Final[tuple[Program, ...]] = (notebook, serve)


def end_programs(rig: Rig, host: Host, facts: Facts, ending: Sequence[Program] = PROGRAMS) -> list[Exception]:
    """End those of *ending* that run, and bring notebooks/ home; what of it did not come. Another program goes on
    writing there: it is not disturbed, and what is there of it by now comes home, too."""
    others = [one for one in PROGRAMS if one not in ending and host.ask(one.is_running(facts.docker)).ok]
    rig.tell("Bringing notebooks/ home")
    for one in ending:
        with contextlib.suppress(HostUnreachable):  # then the idle rule ends the machine, and all on it
            host.ask(one.stop(facts.docker))
    there, ours, bring = f"{facts.home}/{notebook.FOLDER}", rig.project / "notebooks", pull if others else pull_ended
    arrival = persistently(lambda: bring(host, there, ours, rsync_there=facts.rsync), tell=rig.tell)
    for name, why in {**arrival.notes, **arrival.left}.items():
        rig.tell(f"notebooks/{name}: {why}")
    if more := arrival.more_notes + arrival.more_left:
        rig.tell(f"notebooks/: the same of {more:,} more")
    if not arrival.left:
        if not others:
            forget(ours)
        # While a container is there, what is on the instance is newer than what is here, and nothing is laid over it.
        for one in ending:
            host.ask(one.remove(facts.docker))
    return [ArtifactsMissing(f"notebooks/{name} is not home: {why}.") for name, why in arrival.left.items()]


def require_home(rig: Rig, host: Host, facts: Facts, program: Program) -> None:
    """End *program* likewise. Raises ArtifactsMissing where something stays there alone: it must not be sent over."""
    for trouble in end_programs(rig, host, facts, [program]):
        raise trouble


def hold_open(
    rig: Rig, host: Host, facts: Facts, program: Program, *, there: int, token: Sequence[str], page: str,
    wait: Callable[[int, str], None], ready: Callable[[str], None],
) -> None:  # fmt: skip
    """Lead *program*'s port *there* to this computer until Ctrl-C; then all comes home, also after a broken line.

    *token* asks for the program's secret as NAME=SECRET; *wait* for its first answer here. *ready* is told the address.
    """
    try:
        with open_tunnel(host.target, there=there) as opened:
            secret = host.run(token).strip().partition("=")[2]
            wait(opened.port, secret)
            ready(f"http://127.0.0.1:{opened.port}/{page}?token={secret}")
            opened.hold()
    finally:
        require_home(rig, host, facts, program)


def wait_until_it_answers(
    host: Host, docker: Sequence[str], program: Program, address: str, authorization: str, *,
    timeout_s: float, failure: Callable[[str], WorldError],
) -> None:  # fmt: skip
    """Ask *address* here until *program* behind the tunnel answers. Raises *failure*, told its last words, when it has
    ended or is silent for *timeout_s* seconds."""
    deadline = time.monotonic() + timeout_s
    while not _answers(address, authorization):
        running = host.ask(program.is_running(docker)).out.strip() == "true"
        if not running or time.monotonic() > deadline:
            raise failure(_last_words(host, program.log(docker)))
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
