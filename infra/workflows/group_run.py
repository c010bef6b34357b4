"""One run on all machines of a group: started side by side, followed as one log, judged once."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from infra.aws.instances.instance import Instance
from infra.errors import JobFailed, RigError, WorldError
from infra.host.connection import Host
from infra.job import artifacts, run
from infra.job.container import Container, container_name, undo
from infra.job.spec import Job
from infra.job.workers import Place, nodes_of
from infra.workflows.context import Rig, open_host
from infra.workflows.ensure_image import Show
from infra.workflows.nodes import on_each
from infra.workflows.prepare_run import Chosen, prepare
from infra.workflows.results import announce
from infra.workflows.runs import Fetched, Outcome, fetch_unjudged

# What another node may say after the first has ended: the launcher ends a run everywhere within 45 s.
LAST_WORDS_S: Final = 60.0


def begin_on_all(rig: Rig, nodes: Sequence[Instance], job: Job, name: str, chosen: Chosen, show: Show) -> str:
    """Code, image and job to each of *nodes*, side by side; then the containers, side by side. All of them or none."""
    rig.tell(f"Sending to {len(nodes)} machines side by side; what the first one tells is true of all")
    with ExitStack() as stack:
        hosts = {one.id: stack.enter_context(open_host(rig, one)) for one in nodes}
        for host in hosts.values():
            stack.enter_context(host.target.one_at_a_time(rig.tell))
        meeting = _meeting_place(hosts[nodes[0].id], nodes[0])
        places = {one.id: Place(len(nodes), number, meeting) for number, one in enumerate(nodes)}

        def prepare_one(rig: Rig, one: Instance) -> Container:
            heard = _nobody if places[one.id].node else show
            return prepare(rig, hosts[one.id], one, job, name, chosen, heard, places[one.id])

        ready = dict(zip(hosts, on_each(rig, nodes, prepare_one), strict=True))
        rig.tell(f"Starting run {name} in container {container_name(name)} on each of {len(nodes)} machines")
        _start_all(rig, nodes, hosts, ready, name)
    return name


def _nobody(line: str) -> None:
    """The first node's image is built from the same lines."""


def _meeting_place(host: Host, first: Instance) -> str:
    """ "ADDRESS:PORT" of the first node, with a port that is free there: a rehearsal's nodes may share a loopback."""
    ask = "import socket; s = socket.socket(); s.bind(('', 0)); print(s.getsockname()[1])"
    said = host.run(["python3", "-c", ask]).strip()
    if not said.isdecimal() or not 0 < int(said) < 65536:
        raise WorldError(f"{first.node} names no free port: {said[:80]!r}.", "`rig ssh` opens a shell there")
    return f"{first.private_address}:{said}"


def _start_all(
    rig: Rig, nodes: Sequence[Instance], hosts: dict[str, Host], placed: dict[str, Container], name: str
) -> None:
    begun: list[Instance] = []

    def start(rig: Rig, one: Instance) -> None:
        said = f"run {name}"
        run.start(hosts[one.id], placed[one.id], announce=lambda: announce(rig, one, said), tell=rig.tell)
        begun.append(one)

    try:
        on_each(rig, nodes, start)
    except RigError:
        on_each(rig, begun, lambda _, one: _take_back(hosts[one.id], placed[one.id]))
        raise


def _take_back(host: Host, container: Container) -> None:
    """A part of a group only waits for the rest."""
    host.ask([*container.facts.docker, "stop", "--time", "5", container_name(container.run)], timeout_s=60)
    for words in undo(container):
        host.ask(words)


class OneLog:
    """What all nodes say, line by line; whose it is stands before it, but for the first."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._lock = threading.Lock()
        self.closed = False

    def of(self, node: Instance) -> Show:
        mark = f"[{node.rank + 1}] " if node.rank else ""

        def show(line: str) -> None:
            with self._lock:
                if not self.closed:
                    self._show(mark + line.lstrip("\r") if mark else line)

        return show


def follow_all(rig: Rig, nodes: Sequence[Instance], name: str, show: Show, follow: Callable[..., Instance]) -> Instance:
    """Show the log of run *name* of each of *nodes* until the first has ended, and what the others say about it.

    *follow*: as `train.follow_node`. An other node's lost connection, or its lost machine, ends nothing here: what
    became of it the first node's log tells, and the verdict.
    """
    log, quiet = OneLog(show), dataclasses.replace(rig, tell=_nobody)
    others = [
        threading.Thread(target=_follow_quietly, args=(follow, quiet, one, name, log.of(one)), daemon=True)
        for one in nodes[1:]
    ]
    for one in others:
        one.start()
    try:
        first = follow(rig, nodes[0], name, log.of(nodes[0]))
        for one in others:
            one.join(LAST_WORDS_S / len(others))
        return first
    finally:
        log.closed = True


def _follow_quietly(follow: Callable[..., Instance], rig: Rig, node: Instance, name: str, show: Show) -> None:
    try:
        follow(rig, node, name, show)
    except RigError as error:
        show(f"gluon-rig: not heard any more: {error.cause}")


def bring_all_nodes_home(rig: Rig, nodes: Sequence[Instance], name: str) -> Outcome:
    """The results of run *name*: the first node's in its folder, the others' below it. One verdict for all.

    Raises JobFailed with the words of the first node to fail, by when its record says that it ended.
    """
    ends = on_each(rig, nodes, lambda rig, one: _bring_node_home(rig, one, name))
    was_on = nodes_of(artifacts.command_of(ends[0].outcome.folder))
    gone = [rank + 1 for rank in range(was_on) if rank not in {one.rank for one in nodes}]
    if gone:
        raise JobFailed(
            f"Run {name} lost node {gone[0]} of {was_on}: its machine is gone or off, and the run ended on all.",
            f"`rig train remote --recover --resume {name}` goes on with a whole group, from the newest checkpoint",
        )
    bad = [(one.run.ended or "9", node, one) for one, node in zip(ends, nodes, strict=True) if not _went_well(one)]
    for _, node, first in sorted(bad, key=lambda each: each[0])[:1]:
        try:
            first.judge()
        except RigError as error:
            error.cause = f"{node.node}: {error.cause}"
            error.hint = error.hint.replace(f"runs/{name}/", f"{first.outcome.folder.relative_to(rig.project)}/")
            raise
    return ends[0].outcome


def _bring_node_home(rig: Rig, node: Instance, name: str) -> Fetched:
    with open_host(rig, node) as host:
        host.get_ready()
        return fetch_unjudged(rig, host, node, name)


def _went_well(one: Fetched) -> bool:
    try:
        one.judge()
    except JobFailed:
        return False
    return True
