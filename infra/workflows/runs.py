"""The runs on the instance: look at them, fetch them, end them. Every workflow that meets a run comes here for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.aws.account.cost import RunCost, run_cost
from infra.aws.instances.instance import Instance
from infra.errors import HostUnreachable, JobFailed, NothingToDo, RigError, UserError
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts, ask_facts
from infra.host.retry import persistently
from infra.job import artifacts, run
from infra.job.outcome import guard_reason, judge
from infra.job.run_folders import point_latest, run_home
from infra.job.run_names import choose_run
from infra.workflows.context import Rig, open_host, running_nodes
from infra.workflows.ensure_image import Show
from infra.workflows.nodes import Answers, ask_each, on_each
from infra.workflows.results import nothing_left, tag_if_aws_answers


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run that is home, and what it cost. *exit_code* None: it goes on, or nobody knows."""

    run: str
    folder: Path
    exit_code: int | None
    cost: RunCost


def facts_of(rig: Rig, host: Host, *, images: Sequence[str] = ()) -> Facts:
    return persistently(lambda: ask_facts(host, images=images), tell=rig.tell)


def find_run(runs: Sequence[RunFacts], name: str) -> RunFacts:
    """The run that *name* means (see `choose_run`); with no name, the newest."""
    if not runs:
        raise NothingToDo("There is no run on the instance yet; `make train remote JOB=lenet` starts one.")
    if not name:
        return runs[-1]
    chosen = choose_run(name, [one.name for one in runs], where="on the instance")
    return next(one for one in runs if one.name == chosen)


def newest_run(rig: Rig, name: str) -> str:
    """*name* in full if it is there; the newest run's name when *name* is empty."""
    return name_among(look_at_each(rig, running_nodes(rig, whole=False)), name)


def look_at_each(rig: Rig, nodes: Sequence[Instance]) -> Answers[Facts]:
    return ask_each(rig, nodes, _look_at)


def _look_at(rig: Rig, node: Instance) -> Facts:
    with open_host(rig, node) as host:
        return facts_of(rig, host)


def name_among(seen: Answers[Facts], name: str) -> str:
    """The run that *name* means (see `find_run`), of all that any of the machines has."""
    known = {one.name: one for _, facts in seen.there for one in facts.runs}
    return find_run([known[one] for one in sorted(known)], name).name


def nodes_with(seen: Answers[Facts], name: str) -> tuple[Instance, ...]:
    """The machines that run *name* is on."""
    return tuple(node for node, facts in seen.there if name in {one.name for one in facts.runs})


def show_log_at_home(rig: Rig, name: str, show: Show) -> bool:
    """Show the log of the run at home that *name* means; whether there is one."""
    try:
        folder = run_home(rig.runs, name)
    except UserError:
        return False
    return artifacts.show_log(folder, show)


def pull_runs(rig: Rig, name: str) -> list[Outcome]:
    """Fetch run *name*, or every run that is not home yet; of one that goes on, what is there so far.

    One run's trouble, or one machine's, does not keep the others from coming home; the last is raised at the end.
    """
    nodes = running_nodes(rig, whole=False)
    if nodes[0].nodes == 1:
        return pull_from(rig, nodes[0], name)
    seen = look_at_each(rig, nodes)
    name = name_among(seen, name) if name else ""
    nodes = nodes_with(seen, name) if name else tuple(node for node, _ in seen.there)
    found = on_each(rig, nodes, lambda rig, one: _pull_calmly(rig, one, name))
    seen.require_all()
    if isinstance(found[0], NothingToDo) and all(isinstance(one, NothingToDo) for one in found):
        raise found[0]
    return next(([*one] for one in found if not isinstance(one, NothingToDo)), [])


def _pull_calmly(rig: Rig, node: Instance, name: str) -> list[Outcome] | NothingToDo:
    """One node of a group may have less to give than another."""
    try:
        return pull_from(rig, node, name)
    except NothingToDo as nothing:
        return nothing


def pull_from(rig: Rig, instance: Instance, name: str) -> list[Outcome]:
    with open_host(rig, instance) as host:
        facts = facts_of(rig, host)
        wanted = _choose_runs(facts, name, rig.runs)
        outcomes, failures = [], []
        for one in wanted:
            try:
                outcomes.append(fetch_run(rig, host, instance, one.name))
            except RigError as error:
                rig.tell(str(error))
                failures.append(error)
        if facts.nameless and not name:
            failures.append(artifacts.nameless(facts))
    if failures:
        raise failures[-1]
    return outcomes


def _choose_runs(facts: Facts, name: str, here: Path) -> tuple[RunFacts, ...]:
    if name:
        return (find_run(facts.runs, name),)
    if not facts.nameless:
        find_run(facts.runs, "")  # says so when there is no run at all
    if not facts.unfetched and not facts.nameless:
        raise _all_home(facts, here)
    return facts.unfetched


def _all_home(facts: Facts, here: Path) -> NothingToDo:
    """Another checkout or another laptop may have brought them home."""
    elsewhere = [one.name for one in facts.runs if not (here / one.name).is_dir()]
    if not elsewhere:
        return NothingToDo("Every run on the instance is home and verified already, in runs/.")
    return NothingToDo(
        f"Every run on the instance was brought home already, {len(elsewhere)} of them not to {here}: "
        f"{', '.join(elsewhere[-5:])}.",
        "another folder or computer has them, or they were removed here\n"
        f"`rig pull --run {elsewhere[-1]}` brings it here, too",
    )


def cancel_run(rig: Rig, name: str) -> Outcome:
    """Ask a run to save and end, then bring home what it has."""
    nodes = running_nodes(rig, whole=False)
    if nodes[0].nodes == 1:
        return _cancel_on(rig, nodes[0], name)
    seen = look_at_each(rig, nodes)
    name = name_among(seen, name) if name else _going_on(seen)
    outcomes = on_each(rig, nodes_with(seen, name), lambda rig, one: _cancel_on(rig, one, name))
    seen.require_all()
    return outcomes[0]


def _going_on(seen: Answers[Facts]) -> str:
    """The run that goes on, on the first machine where one does."""
    busy = [facts for _, facts in seen.there if facts.running]
    return _running(busy[0] if busy else seen.there[0][1], "").name


def _cancel_on(rig: Rig, instance: Instance, name: str) -> Outcome:
    """On the other nodes of a group the run may have ended before we come: the first to hear of it tells them all."""
    with open_host(rig, instance) as host:
        facts = facts_of(rig, host)
        one = find_run(facts.runs, name) if instance.nodes > 1 else _running(facts, name)
        if one.state == "running":
            rig.tell(f"Asking run {one.name} to save and end (at most a minute)")
            run.stop(host, facts.docker, one.name)
        facts = facts_of(rig, host)
        return bring_home(rig, host, instance, facts, find_run(facts.runs, one.name))


def _running(facts: Facts, name: str) -> RunFacts:
    if name:
        one = find_run(facts.runs, name)
    elif facts.running:
        # Not one that only waits for its turn, unless all do.
        one = next((one for one in reversed(facts.running) if not one.waiting), facts.running[-1])
    else:
        raise NothingToDo("No run is going on.")
    if one.state != "running":
        raise NothingToDo(f"Run {one.name} has {one.state} already.")
    return one


def fetch_run(rig: Rig, host: Host, instance: Instance, name: str) -> Outcome:
    """Bring run *name* home, and judge it if it has ended."""
    facts = facts_of(rig, host)
    fetched = fetch_unjudged(rig, host, instance, facts, find_run(facts.runs, name))
    fetched.judge()
    return fetched.outcome


@dataclass(frozen=True)
class Fetched:
    """A run of one machine that is home, and what its host said of it."""

    outcome: Outcome
    run: RunFacts
    facts: Facts

    def judge(self) -> None:
        """Raises JobFailed if it has ended badly."""
        if self.run.state != "running":
            judge(self.run, self.facts.ended, command=artifacts.command_of(self.outcome.folder))


def fetch_unjudged(rig: Rig, host: Host, instance: Instance, facts: Facts, one: RunFacts) -> Fetched:
    try:
        outcome = bring_home(rig, host, instance, facts, one)
    except HostUnreachable as error:
        raise _name_who_ended(one, facts, error) from error
    if one.state != "running" and nothing_left(facts, fetched=one):
        tag_if_aws_answers(rig, instance)
    return Fetched(outcome, one, facts)


def _name_who_ended(one: RunFacts, facts: Facts, error: HostUnreachable) -> RigError:
    """The machine went off while results were on their way: where the guard had said why, that is the news."""
    reason = guard_reason(one, facts.ended)
    if not reason:
        return error
    return JobFailed(
        f"Run {one.name} was ended by the guard: {reason.rstrip('.')}.",
        "the machine went off before everything was home\n"
        f"`rig train remote --recover --resume {one.name}` launches again and goes on with what was saved",
    )


def bring_home(rig: Rig, host: Host, instance: Instance, facts: Facts, one: RunFacts) -> Outcome:
    """Fetch *one* without judging it."""
    folder = fetch_results(rig, host, facts, one, rank=instance.rank)
    cost = run_cost(one.name, artifacts.ending(folder))
    return Outcome(run=one.name, folder=folder, exit_code=one.exit_code, cost=cost)


def fetch_results(rig: Rig, host: Host, facts: Facts, one: RunFacts, *, rank: int) -> Path:
    """Copy what *one* has produced into its folder under runs/, verified against its manifest. *rank*: of the node."""
    rig.tell(f"Bringing the results of {one.name} home")
    folder = artifacts.fetch(host, facts, one, rig.runs, rank=rank, tell=rig.tell)
    point_latest(rig.runs)
    return folder
