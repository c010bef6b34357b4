"""The end of Jupyter on the instance: its notebooks are results, and come home."""

from __future__ import annotations

import contextlib

from infra.errors import ArtifactsMissing, HostUnreachable
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.host.retry import persistently
from infra.host.sync import forget, pull_ended
from infra.job import notebook
from infra.workflows.context import Rig


def end_notebook(rig: Rig, host: Host, facts: Facts) -> list[Exception]:
    """End Jupyter, if it runs, and bring notebooks/ home; what of it did not come."""
    rig.tell("Ending Jupyter and bringing notebooks/ home")
    with contextlib.suppress(HostUnreachable):  # then the idle rule ends the machine, and Jupyter with it
        host.ask(notebook.stop(facts.docker))
    there, ours = f"{facts.home}/{notebook.FOLDER}", rig.project / "notebooks"
    arrival = persistently(lambda: pull_ended(host, there, ours, rsync_there=facts.rsync), tell=rig.tell)
    for name, why in {**arrival.notes, **arrival.left}.items():
        rig.tell(f"notebooks/{name}: {why}")
    if not arrival.left:
        forget(ours)
    host.ask(notebook.remove(facts.docker))
    return [ArtifactsMissing(f"notebooks/{name} is not home: {why}.") for name, why in arrival.left.items()]
