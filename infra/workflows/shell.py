"""The user at the instance: a shell, the editor's way in, a port, a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from infra.aws.instances.instance import Instance
from infra.errors import UserError, WorldError
from infra.host.command_lines import shell
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.host.push import push_data
from infra.host.retry import persistently
from infra.host.selection import remarks, select_data
from infra.host.sync import remember
from infra.host.tunnel import Tunnel, open_tunnel
from infra.job import notebook, serve
from infra.workflows.context import Rig, open_host, running_instance, running_nodes
from infra.workflows.ensure_image import Show, ensure_images, images_for, wants_gpu
from infra.workflows.notebooks import hold_open, require_home, wait_until_it_answers
from infra.workflows.results import announce, announce_visit
from infra.workflows.runs import facts_of

JUPYTER_TIMEOUT_S = 180.0  # one that has ended is noticed at once
START_HINT = (
    "`rig ssh` opens a shell there\n"
    "in a rehearsal without Docker, Jupyter runs from this computer's own Python: pip install jupyterlab"
)


def shell_line(rig: Rig, number: int = 1) -> list[str]:
    """The ssh line of a login shell on the rig's instance; of a group, on node *number*, from 1."""
    instance = node_numbered(rig, number)
    with open_host(rig, instance) as host:
        announce_visit(rig, host, instance)
        return shell(host.target)


def node_numbered(rig: Rig, number: int) -> Instance:
    """Raises UserError where there is no such node, or it does not run."""
    nodes = running_nodes(rig, whole=False)
    found = [one for one in nodes if one.rank == number - 1]
    if not found:
        there = ", ".join(str(one.rank + 1) for one in nodes)
        raise UserError(f"There is no node {number} that runs; of the rig {rig.name!r} there is: {there}.", "NODE=1")
    return found[0]


@contextmanager
def port(rig: Rig, number: int) -> Iterator[Tunnel]:
    with open_host(rig, running_instance(rig)) as host, open_tunnel(host.target, there=number) as opened:
        yield opened


def run_notebook(rig: Rig, ready: Callable[[str], None], show: Show) -> None:
    """Jupyter in the training image on the instance, until Ctrl-C. *ready* is told its address.

    The folder notebooks/ goes there first and comes home at the end, also after a broken line. The container is no
    run: only the open tunnel counts as use, so a forgotten notebook on a closed laptop does not keep the machine on.
    It is removed when its work is home: one that is found belongs to a `rig notebook` that was cut off.
    """
    instance = running_instance(rig)
    with open_host(rig, instance) as host:
        images = images_for(rig, instance, notebook.REQUIREMENTS)
        facts = facts_of(rig, host, images=images)
        if not _goes_on(rig, host, facts):
            ensure_images(rig, host, facts, images, notebook.REQUIREMENTS, show)
            _send(rig, host, facts)
            host.run(*notebook.start(facts, images[-1], gpu=wants_gpu(rig, instance)))
        announce(rig, instance, "a notebook")  # before anybody can write into it
        hold_open(
            rig, host, facts, notebook, there=notebook.PORT, token=notebook.token(facts), page="lab",
            wait=partial(_wait_for_jupyter, host, facts), ready=ready,
        )  # fmt: skip


def _goes_on(rig: Rig, host: Host, facts: Facts) -> bool:
    """Whether Jupyter still runs there. The work of one that has ended comes home before ours would be laid over it."""
    found = host.ask(notebook.is_running(facts.docker))
    if found.out.strip() == "true":
        rig.tell("Jupyter still runs there, from before; going on with it")
        return True
    if found.ok:
        require_home(rig, host, facts, notebook)
    return False


def _send(rig: Rig, host: Host, facts: Facts) -> None:
    ours = rig.project / "notebooks"
    if ours.is_dir():
        # A server may be writing its units' past there; laid over it, ours of an earlier day would undo that.
        there, chosen = f"{facts.home}/{notebook.FOLDER}", select_data(ours).without(serve.STATE.rpartition("/")[2])
        for line in remarks(chosen):
            rig.tell(line)
        remember(ours)
        persistently(lambda: push_data(host, chosen, there, rsync_there=facts.rsync, tell=rig.tell), tell=rig.tell)


def _wait_for_jupyter(host: Host, facts: Facts, number: int, token: str) -> None:
    wait_until_it_answers(
        host, facts.docker, notebook, f"http://127.0.0.1:{number}/api/status", f"token {token}",
        timeout_s=JUPYTER_TIMEOUT_S,
        failure=lambda said: WorldError(f"Jupyter did not start on the instance: {said}", START_HINT),
    )  # fmt: skip
