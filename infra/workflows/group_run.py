"""One run on all machines of a group: started side by side, followed as one log, judged once."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from infra.aws.instances.instance import Instance
from infra.errors import JobFailed, RigError, UserError, WorldError
from infra.host.connection import Host
from infra.job import artifacts, run
from infra.job.container import Container, container_name, undo
from infra.job.spec import Job
from infra.job.workers import Place, blamed_rank, nodes_of
from infra.text import whole_number
from infra.workflows.clocks import tell_clocks
from infra.workflows.context import Rig, open_host
from infra.workflows.ensure_image import Show
from infra.workflows.nodes import ask_each, on_each
from infra.workflows.prepare_run import Chosen, order_of, prepare
from infra.workflows.results import announce
from infra.workflows.runs import Fetched, Outcome, facts_of, fetch_unjudged

# What another node may say after the first has ended: the launcher ends a run everywhere within 45 s.
LAST_WORDS_S: Final = 60.0
Follow = Callable[[Rig, Instance, str, Show], Instance]


def begin_on_all(rig: Rig, nodes: Sequence[Instance], job: Job, name: str, chosen: Chosen, show: Show) -> str:
    """Code, image and job to each of *nodes*, side by side; then the containers, side by side. All of them or none."""
    rig.tell(f"Sending to {len(nodes)} machines side by side; what the first one tells is true of all")
    with ExitStack() as stack:
        hosts = {one.id: stack.enter_context(open_host(rig, one)) for one in nodes}
        for host in hosts.values():
            stack.enter_context(host.target.one_at_a_time(rig.tell))
        meeting = _meeting_place(hosts[nodes[0].id], nodes[0])
        places = {one.id: Place(len(nodes), number, meeting) for number, one in enumerate(nodes)}
        order = order_of(rig, nodes, job, name, chosen)

        def prepare_one(rig: Rig, one: Instance) -> Container:
            heard = _nobody if places[one.id].node else show
            return prepare(rig, hosts[one.id], one, order, heard, places[one.id])

        ready = dict(zip(hosts, on_each(rig, nodes, prepare_one), strict=True))
        tell_clocks(rig, [(one, ready[one.id].facts) for one in nodes])
        rig.tell(f"Starting run {name} in container {container_name(name)} on each of {len(nodes)} machines")
        _start_all(rig, nodes, hosts, ready, name)
    return name


def _nobody(line: str) -> None:
    """The first node's image is built from the same lines."""


def _meeting_place(host: Host, first: Instance) -> str:
    """ "ADDRESS:PORT" of the first node, with a port that is free there: a rehearsal's nodes may share a loopback."""
    ask = "import socket; s = socket.socket(); s.bind(('', 0)); print(s.getsockname()[1])"
    said = host.run(["python3", "-c", ask]).strip()
    if not (port := whole_number(said, most=65535)):
        raise WorldError(f"{first.node} names no free port: {said[:80]!r}.", "`rig ssh` opens a shell there")
    return f"{first.private_address}:{port}"


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


class _Follower(threading.Thread):
    """Follows run *name* on one node beside the others. *ended*: the node, once the run has ended on it."""

    def __init__(self, follow: Follow, rig: Rig, node: Instance, name: str, show: Show) -> None:
        super().__init__(daemon=True)
        self._follow = partial(follow, rig, node, name, show)
        self._show, self._node = show, node
        self.ended: Instance | None = None
        self.trouble: RigError | None = None

    def run(self) -> None:
        try:
            self.ended = self._follow()
        except UserError as error:  # the run was never on this one
            self.trouble = error
        except RigError as error:
            self.trouble = error
            self._show(f"gluon-rig: {self._node.node} is not heard any more: {error.cause}")


def follow_all(rig: Rig, nodes: Sequence[Instance], name: str, show: Show, follow: Follow) -> Instance:
    """Show the log of run *name* of each of *nodes* until it has ended on the first, and what the others say about it.

    *follow*: as `train.follow_node`. A node that is lost, or does not answer, ends nothing here: the next one takes its
    place, and what became of it the verdict tells. Raises what the first failed at when all do.
    """
    log, quiet = OneLog(show), dataclasses.replace(rig, tell=_nobody)
    followers = [
        _Follower(follow, quiet if number else rig, one, name, log.of(one)) for number, one in enumerate(nodes)
    ]
    for one in followers:
        one.start()
    try:
        return _first_to_end(followers)
    finally:
        log.closed = True


def _first_to_end(followers: Sequence[_Follower]) -> Instance:
    """The first node on which the run has ended; the others get a moment for what they say about it."""
    for number, one in enumerate(followers):
        one.join()
        if one.ended:
            for other in followers[number + 1 :]:
                other.join(LAST_WORDS_S / len(followers))
            return one.ended
    raise next(one.trouble for one in followers if one.trouble)


def bring_all_nodes_home(rig: Rig, nodes: Sequence[Instance], name: str) -> Outcome:
    """The results of run *name*: the first node's in its folder, the others' below it. One verdict for all.

    Raises JobFailed with the words of the first node to fail, by when its record says that it ended; and of a node that
    does not answer, that what it has is not home.
    """
    came = ask_each(rig, nodes, lambda rig, one: _bring_node_home(rig, one, name))
    ends = [(node, end) for node, end in came.there if end]
    if not ends:
        came.require_all()
        raise UserError(f"There is no run {name!r} on any of the machines.", "`rig runs`")
    lost = _name_lost(name, {one.rank for one in nodes}, nodes_of(artifacts.command_of(ends[0][1].outcome.folder)))
    if lost and not ends[0][0].rank and _went_well(ends[0][1]):  # a study goes on without a machine, but for the first
        rig.tell(f"{lost.cause} What lay on it alone is lost; the run itself went well.")
    elif lost:
        raise lost
    _judge_first(rig, name, ends)
    came.require_all()
    return ends[0][1].outcome


def _name_lost(name: str, there: set[int], was_on: int) -> JobFailed | None:
    """What to say of a run whose machines are not all there any more."""
    gone = [rank + 1 for rank in range(was_on) if rank not in there]
    return JobFailed(
        f"Run {name} lost node {gone[0]} of {was_on}: its machine is gone or off.",
        f"`rig train remote --recover --resume {name}` goes on with a whole group, from the newest checkpoint",
    ) if gone else None  # fmt: skip


def _judge_first(rig: Rig, name: str, ends: Sequence[tuple[Instance, Fetched]]) -> None:
    bad = [(node, one) for node, one in ends if not _went_well(one)]
    named = [blamed_rank(artifacts.end_of_log(one.outcome.folder)) for _, one in bad]
    for node, first in sorted(bad, key=lambda each: (each[0].rank not in named, each[1].run.ended or "9"))[:1]:
        try:
            first.judge()
        except RigError as error:
            error.cause = f"{node.node}: {error.cause}"
            error.hint = error.hint.replace(f"runs/{name}/", f"{first.outcome.folder.relative_to(rig.project)}/")
            raise


def _bring_node_home(rig: Rig, node: Instance, name: str) -> Fetched | None:
    """None where the run was never on that node."""
    with open_host(rig, node) as host:
        host.get_ready()
        facts = facts_of(rig, host)
        one = next((one for one in facts.runs if one.name == name), None)
        return fetch_unjudged(rig, host, node, facts, one) if one else None


def _went_well(one: Fetched) -> bool:
    try:
        one.judge()
    except JobFailed:
        return False
    return True
