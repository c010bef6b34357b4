"""Everything that a machine holds comes home, before it is stopped or an image is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infra.aws.instances.instance import Instance
from infra.errors import RigError
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts, ask_facts
from infra.job import artifacts, run
from infra.workflows.context import Rig, open_host
from infra.workflows.notebooks import end_programs
from infra.workflows.results import tag_results_fetched
from infra.workflows.runs import fetch_results


def bring_all_home(rig: Rig, instance: Instance) -> list[str]:
    """End what still runs, gently, fetch every run and notebook that is not home, and let the cloud know that all is.

    Return, in words, what else lies on the disk alone. One run's trouble keeps no other from coming home; it is raised
    at the end. *instance*: described before the host is asked (see results.py).
    """
    with open_host(rig, instance) as host:
        facts = ask_facts(host)
        troubles = [*_each(rig, facts.running[::-1], lambda one: _end_run(rig, host, facts, one))]
        if facts.running:
            facts = ask_facts(host)
        troubles += _each(rig, facts.unfetched, lambda one: fetch_results(rig, host, facts, one, rank=instance.rank))
        if facts.nameless:
            troubles.append(artifacts.nameless(facts))
        if facts.notebooks:
            troubles += end_programs(rig, host, facts)
    if troubles:
        raise troubles[-1]
    left = _list_left_over(facts)
    for line in left:
        rig.tell(line)
    if not left:
        tag_results_fetched(rig, instance)
    return left


def _list_left_over(facts: Facts) -> list[str]:
    begun = [f"Somebody is starting run {name} at this moment." for name in facts.beginning]
    if not facts.strays:
        return begun
    files = ", ".join(facts.strays[:5]) + (" ..." if len(facts.strays) > 5 else "")
    return [
        *begun,
        f"Files that belong to no run stay on its disk: {files} (`rig ssh-config`, then scp, fetches them).",
    ]


def _each(rig: Rig, runs: Sequence[RunFacts], step: Callable[[RunFacts], object]) -> list[Exception]:
    """Take *step* with each of *runs*; what went wrong."""
    troubles = []
    for one in runs:
        try:
            step(one)
        except Exception as error:  # noqa: BLE001 - the next run's results are not to pay for it
            rig.tell(f"{one.name}: {say_cause(error)}")
            troubles.append(error)
    return troubles


def _end_run(rig: Rig, host: Host, facts: Facts, one: RunFacts) -> None:
    rig.tell(f"Run {one.name} is still going: asking it to save and end")
    run.stop(host, facts.docker, one.name)


def say_cause(error: BaseException) -> str:
    if isinstance(error, RigError):
        return error.cause
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        return f"this computer did not take the results: {error}."
    return f"rig itself failed, which is worth a report: {type(error).__name__}: {error}."
