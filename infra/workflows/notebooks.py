"""The end of Jupyter on the instance, and of a server there: what they wrote into notebooks/ comes home."""

from __future__ import annotations

import contextlib

from infra.errors import ArtifactsMissing, HostUnreachable
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.host.retry import persistently
from infra.host.sync import forget, pull_ended
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
