"""Look at the runs on the instance, fetch them, end them."""

from __future__ import annotations

from infra.errors import NothingToDo, RigError
from infra.host.facts import Facts, RunFacts
from infra.job import run
from infra.job.artifacts import nameless
from infra.workflows.context import Rig, open_host, running_instance
from infra.workflows.train import Outcome, bring_home, facts_of, fetch_run, find_run


def list_runs(rig: Rig) -> tuple[RunFacts, ...]:
    with open_host(rig, running_instance(rig)) as host:
        return facts_of(rig, host).runs


def newest_run(rig: Rig, name: str) -> str:
    """*name* in full if it is there; the newest run's name when *name* is empty."""
    return find_run(list_runs(rig), name).name


def pull_runs(rig: Rig, name: str) -> list[Outcome]:
    """Fetch run *name*, or every run that is not home yet; of one that goes on, what is there so far.

    One run's trouble does not keep the others from coming home; the last is raised at the end.
    """
    instance = running_instance(rig)
    with open_host(rig, instance) as host:
        facts = facts_of(rig, host)
        wanted = _wanted(facts, name)
        outcomes, failures = [], []
        for one in wanted:
            try:
                outcomes.append(fetch_run(rig, host, instance, one.name))
            except RigError as error:
                rig.tell(str(error))
                failures.append(error)
        if facts.nameless and not name:
            failures.append(nameless(facts))
    if failures:
        raise failures[-1]
    return outcomes


def _wanted(facts: Facts, name: str) -> tuple[RunFacts, ...]:
    if name:
        return (find_run(facts.runs, name),)
    if not facts.nameless:
        find_run(facts.runs, "")  # says so when there is no run at all
    if not facts.unfetched and not facts.nameless:
        raise NothingToDo("Every run on the instance is home and verified already, in runs/.")
    return facts.unfetched


def cancel_run(rig: Rig, name: str) -> Outcome:
    """Ask a run to save and end, then bring home what it has."""
    instance = running_instance(rig)
    with open_host(rig, instance) as host:
        facts = facts_of(rig, host)
        one = _running(facts, name)
        rig.tell(f"Asking run {one.name} to save and end (at most a minute)")
        run.stop(host, facts.docker, one.name)
        facts = facts_of(rig, host)
        return bring_home(rig, host, instance, facts, find_run(facts.runs, one.name))


def _running(facts: Facts, name: str) -> RunFacts:
    if name:
        one = find_run(facts.runs, name)
    elif facts.running:
        one = facts.running[-1]
    else:
        raise NothingToDo("No run is going on.")
    if one.state != "running":
        raise NothingToDo(f"Run {one.name} has {one.state} already.")
    return one
