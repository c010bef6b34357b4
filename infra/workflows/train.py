"""Train on the instance: send the code, start the container, follow it, bring the results home."""

from __future__ import annotations

from dataclasses import dataclass

from infra.aws.instances.instance import Instance, find_nodes
from infra.errors import AWS_IS_SHUT, UserError, WorldError
from infra.host.connection import Host
from infra.job import artifacts, run
from infra.job.container import container_name
from infra.job.spec import Job, new_run_name
from infra.job.workers import Place
from infra.workflows.clocks import tell_clocks
from infra.workflows.context import Rig, open_host, running_node, running_nodes
from infra.workflows.ensure_image import Show
from infra.workflows.group_run import begin_on_all, bring_all_nodes_home, follow_all
from infra.workflows.prepare_run import Chosen, choose, order_of, prepare
from infra.workflows.results import announce
from infra.workflows.runs import Outcome, facts_of, fetch_run, find_run


def start_training(rig: Rig, job: Job, show: Show) -> str:
    """Start *job* on the instance and return the run's name. Once that is told, the laptop may go."""
    chosen = choose(rig, job)
    return start_on(rig, take_nodes(rig, running_nodes(rig)), job, chosen, show)


def start_on(rig: Rig, nodes: tuple[Instance, ...], job: Job, chosen: Chosen, show: Show) -> str:
    """As `start_training`, on *nodes*, with what was *chosen* of the files here."""
    name = new_run_name(job, rig.now())
    if job.waits and len(nodes) > 1:
        raise UserError("A queue is for one machine, and this run is on several.", "leave QUEUE=1 out, or say NODES=1")
    if len(nodes) > 1:
        return begin_on_all(rig, nodes, job, name, chosen, show)
    with open_host(rig, nodes[0]) as host, host.target.one_at_a_time(rig.tell):
        return begin(rig, host, nodes[0], job, name, chosen, show)


def take_nodes(rig: Rig, nodes: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """Those that the run is to be on: all, unless NODES says fewer. Raises UserError where it says more."""
    wanted = rig.settings.nodes or len(nodes)
    if wanted > len(nodes):
        there = "one machine" if len(nodes) == 1 else f"{len(nodes)} machines"
        raise UserError(
            f"NODES={wanted} was asked for, and the rig {rig.name!r} has {there}.",
            f"`make launch NODES={wanted} NAME=group` rents a group beside it; then NAME=group here, too",
        )
    return nodes[:wanted]


def begin(rig: Rig, host: Host, instance: Instance, job: Job, name: str, chosen: Chosen, show: Show) -> str:
    """What the run needs, then its container; the run's name."""
    order = order_of(rig, (instance,), job, name, chosen)
    container = prepare(rig, host, instance, order, show, Place())
    tell_clocks(rig, [(instance, container.facts)])
    rig.tell(f"Starting run {name} in container {container_name(name)}")
    run.start(host, container, announce=lambda: announce(rig, instance, f"run {name}"), tell=rig.tell)
    return name


def follow_run(rig: Rig, name: str, show: Show) -> Instance:
    """Show the log of run *name* until it has ended; where it ran. The run needs none of this: stop it and call it
    again at will."""
    nodes = running_nodes(rig, whole=False)
    if len(nodes) > 1:
        return follow_all(rig, nodes, name, show, follow_node)
    return follow_node(rig, nodes[0], name, show)


def follow_node(rig: Rig, instance: Instance, name: str, show: Show) -> Instance:
    with open_host(rig, instance) as host:
        facts = facts_of(rig, host)
        one = find_run(facts.runs, name)
        if one.state not in ("running", "unknown") and one.fetched:
            artifacts.show_log(artifacts.home_of(rig.runs, one.name, instance.rank), show)
        else:
            finder = HostFinder(rig, name, instance, opened=host)
            run.follow(finder.connect, facts.docker or ("docker",), name, show, tell=rig.tell)
            instance = finder.instance
    return instance


def bring_run_home(rig: Rig, name: str, known: Instance) -> Outcome:
    """Bring the results of run *name* home, and judge it. Raises JobFailed, ArtifactsMissing.

    *known*: where it ran. It is asked anew, for after a drop it may have another address; if AWS does not answer any
    more (a login lasts hours, a run may take days), the way over SSH is as it was.
    """
    try:
        nodes = running_nodes(rig, whole=False)
    except AWS_IS_SHUT as error:
        rig.tell(f"{error.cause}. SSH needs no AWS: going on without it")
        nodes = (known,)
    if len(nodes) > 1 or nodes[0].nodes > 1:
        return bring_all_nodes_home(rig, nodes, name)
    instance = nodes[0]
    with open_host(rig, instance) as host:
        host.get_ready()
        return fetch_run(rig, host, instance, name)


@dataclass
class HostFinder:
    """The way to the host while a run is followed. *opened*: a connection that nobody has used yet, taken first; after
    that the host is found anew each time, for it was lost. *told*: the user knows already that AWS does not answer."""

    rig: Rig
    run_name: str
    instance: Instance
    opened: Host | None
    told: bool = False

    def connect(self) -> Host:
        if self.opened:
            host, self.opened = self.opened, None
            return host
        self.instance = self._find()
        return open_host(self.rig, self.instance)

    def _find(self) -> Instance:
        """Where it is now; where it was, if AWS does not tell."""
        try:
            return running_node(self.rig, self.instance)
        except AWS_IS_SHUT as error:
            if not self.told:
                self.rig.tell(f"{error.cause}. SSH needs no AWS: trying {self.instance.address}, where it was")
            self.told = True
            return self.instance
        except UserError as error:
            gone = all(one.rank != self.instance.rank for one in find_nodes(self.rig.session, self.rig.name))
            raise WorldError(
                f"While run {self.run_name} was followed, its machine {'was terminated' if gone else 'went off'}. "
                f"{error.cause}",
                _DISK_GONE if gone else "what the run saved is on the disk: `rig start`, then `rig pull`",
            ) from error


_DISK_GONE = (
    "its disk went with it: what had not come home is lost, but for copies in a bucket (BUCKET=)\n"
    "`rig launch`, then `rig train remote --resume NAME` goes on from such a copy, or from what is in runs/"
)
