"""Stop and terminate: what a run produced comes home first, whatever else happens, and the bill ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar

from infra import budget
from infra.aws.account.teardown import end_rig
from infra.aws.autostop import safeguards
from infra.aws.instances import lifecycle
from infra.aws.instances.instance import Instance, find_nodes, list_instances, orders_of, write_tags_on_all
from infra.errors import AWS_IS_SHUT, NothingToDo, RigError, UserError, WorldError
from infra.guard.safeguard import together
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts, ask_facts
from infra.host.known_hosts import pinned_key
from infra.job import artifacts, run
from infra.names import DEADLINE_TAG, STARTED_TAG
from infra.settings import MOST_HOURS
from infra.workflows.context import Rig, open_host
from infra.workflows.interrupt import CtrlC, tamed_ctrl_c
from infra.workflows.nodes import on_each
from infra.workflows.notebooks import end_programs
from infra.workflows.results import is_home, tag_results_fetched
from infra.workflows.runs import fetch_results
from infra.workflows.ssh_config import remove_entry
from infra.workflows.status import Standing, standings_of

T = TypeVar("T")
Nodes: TypeAlias = tuple[Instance, ...]


def stop(rig: Rig) -> tuple[Instance, ...]:
    """Bring home what is not home yet, then stop, whatever came of that: the disk stays, a running machine is not free.

    Raises WorldError, or KeyboardInterrupt, when not everything is home; the machines are stopped then, too.
    """
    begun, failed = _try_each(_existing(rig), lambda nodes: _begin_stop(rig, nodes))
    if not begun and not isinstance(failed[0], NothingToDo):
        raise failed[0]
    done = [(lifecycle.wait_for_all(rig.account, nodes, until="stopped"), trouble) for nodes, trouble in begun]
    disarm(rig)  # also when there was nothing to do: a `stop` that was killed had left that to the next one
    troubles = [_not_all_home(rig, nodes, trouble) for nodes, trouble in done if trouble]
    for error in (*troubles, *failed):
        if not done or not isinstance(error, NothingToDo):
            raise error
    return tuple(one for nodes, _ in done for one in nodes)


def _try_each(orders: Sequence[Nodes], do: Callable[[Nodes], T]) -> tuple[list[T], list[Exception]]:
    """What *do* made of each order, and what it raised of the others, the worst first: one's trouble keeps no other's
    bill running."""
    done, failed = [], []
    for nodes in orders:
        try:
            done.append(do(nodes))
        except Exception as error:  # noqa: BLE001 - it is raised when all have had their turn
            failed.append(error)
    return done, sorted(failed, key=lambda error: isinstance(error, NothingToDo))


def _not_all_home(rig: Rig, nodes: Nodes, trouble: BaseException) -> BaseException:
    now = f"{list_ids(nodes)} {'is' if len(nodes) == 1 else 'are'} {nodes[0].state}, but not everything is home."
    error = _say_what_stays(rig, trouble, now, _FETCH)
    error.__cause__ = None if error is trouble else trouble
    return error


def list_ids(nodes: Sequence[Instance]) -> str:
    return " ".join(one.id for one in nodes)


def _begin_stop(rig: Rig, nodes: Nodes) -> tuple[Nodes, BaseException | None]:
    """Those of *nodes* that stop from now on, and what kept their results from coming home, if anything did."""
    with tamed_ctrl_c() as ctrl_c:
        up = [one for one in nodes if one.state == "running"]
        trouble = _try(rig, lambda: on_each(rig, up, bring_all_home), ctrl_c) if up else None
        return lifecycle.order_stop(rig.account, *nodes), trouble


def _try(rig: Rig, bring_home: Callable[[], object], ctrl_c: CtrlC) -> BaseException | None:
    """Return what went wrong, whatever it was."""
    try:
        ctrl_c.interrupts = True
        bring_home()
        ctrl_c.interrupts = False
    except BaseException as error:  # noqa: BLE001 - a full disk here, Ctrl-C, a fault of ours: none may keep the bill running
        ctrl_c.interrupts = False
        rig.tell(f"Not everything is home: {_cause(error)}")
        return error
    return None


_FETCH: Final = "it stays on the disk: `rig start`, then `rig pull`"


def _say_what_stays(rig: Rig, trouble: BaseException, now: str, hint: str) -> BaseException:
    """What to raise when *trouble* kept results from coming home. *now*: how things stand."""
    if isinstance(trouble, KeyboardInterrupt):
        rig.tell(now)
        return trouble
    own = trouble.hint if isinstance(trouble, RigError) else ""
    return WorldError(f"{now} {_cause(trouble)}", "\n".join(filter(None, [own, hint])))


def _cause(error: BaseException) -> str:
    if isinstance(error, RigError):
        return error.cause
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        return f"this computer did not take the results: {error}."
    return f"rig itself failed, which is worth a report: {type(error).__name__}: {error}."


def disarm(rig: Rig) -> None:
    """Last, for an instance that may run keeps its safeguards. Also those that a killed command left."""
    off = [one for one in list_instances(rig.session, rig.name) if one.state == "stopped" or one.ended]
    armed = safeguards.still_armed(rig.session, off)
    failed = on_each(rig, armed, lambda rig, one: safeguards.disarm(rig.session, one.id))
    for reason in (reason for each in failed for reason in each):
        rig.tell(f"A guard could not be taken off, which does no harm: {reason}")


def stop_and_report(rig: Rig) -> list[Standing]:
    """Stop, and say what stays and what it costs."""
    return standings_of(rig, stop(rig))


def plan_extension(rig: Rig, instance: Instance, by_hours: float, *, among: Sequence[Instance] = ()) -> Instance:
    """*instance* as it would be with a later deadline; changes nothing. One that has passed, or that cannot be read,
    counts from now; *among* others of its group, the latest of them all counts. Raises UserError for one further away
    than anything is promised for."""
    now = rig.now()
    then = max(one.deadline or now for one in (instance, *among))
    then = max(then, now) + timedelta(hours=by_hours)
    if then - now > timedelta(hours=MOST_HOURS):
        raise UserError(
            f"That would be off by {budget.clock(then)}, and no deadline may be more than {MOST_HOURS:g} hours away.",
            "extend it by less, and again later",
        )
    return dataclasses.replace(instance, tags={**instance.tags, DEADLINE_TAG: budget.tag(then)})


def extend(rig: Rig, nodes: Sequence[Instance], by_hours: float) -> list[Instance]:
    """Move every armed deadline of the running *nodes*, and return them with the new one, which is one for all.

    The tags first, in one call: they are the one truth, and all that safeguard 1 reads.
    """
    later = [plan_extension(rig, one, by_hours, among=nodes) for one in nodes]
    deadline = later[0].deadline
    assert deadline is not None
    write_tags_on_all(rig.session, nodes, {DEADLINE_TAG: budget.tag(deadline)})
    for line in together(on_each(rig, nodes, lambda rig, one: safeguards.move(rig.session, one, deadline))):
        rig.tell(line)
    return later


def resting_beside(rig: Rig, nodes: Sequence[Instance]) -> list[Instance]:
    """What there is of the group of *nodes* besides them."""
    if len(nodes) == nodes[0].nodes:
        return []
    known = {one.id for one in nodes}
    return [one for one in find_nodes(rig.session, rig.name) if one.id not in known]


def terminate(rig: Rig, *, lose_results: bool) -> list[str]:
    """Bring home what is not home yet, then delete instance, disk, key pair and group; what was removed.

    Deletes nothing when results would be lost and *lose_results* does not allow it: then a running machine is stopped,
    and WorldError raised, or UserError of one that was off already.
    """
    orders = orders_of(list_instances(rig.session, rig.name))
    if not lose_results:
        _, failed = _try_each(orders, lambda nodes: _require_home(rig, nodes))
        for error in failed:
            raise error
    try:
        return end_rig(rig.account, rig.name)
    finally:
        disarm(rig)  # also when nothing else was left to remove
        remove_entry(rig)


def _existing(rig: Rig) -> list[Nodes]:
    orders = orders_of(list_instances(rig.session, rig.name))
    if not orders:
        raise NothingToDo(f"There is no instance of the rig {rig.name!r}: nothing costs money.")
    if len(orders) > 1:
        rig.tell(f"{len(orders)} machines are called {rig.name}, which should be one: all of them stop")
    return orders


_GIVE_UP: Final = "or give the results up: `rig terminate --lose-results`"


def _require_home(rig: Rig, nodes: tuple[Instance, ...]) -> None:
    up = [one for one in nodes if one.state == "running"]
    for instance in (one for one in nodes if one.state != "running" and not is_home(one)):
        if up:  # of a group: the bill ends for all of them
            lifecycle.wait_for_all(rig.account, _begin_stop(rig, nodes)[0], until="stopped")
            disarm(rig)
        last = instance.tags.get(STARTED_TAG, "").rpartition(" ")[0] or "something"
        raise UserError(
            f"{instance.id} is {instance.state}, and its disk may hold results that are not home, of {last} or before; "
            "deleting it deletes them.",
            f"`rig start`, then `rig terminate` again\n{_GIVE_UP}",
        )
    if up:
        _bring_home_or_stop(rig, up)


def _bring_home_or_stop(rig: Rig, nodes: Sequence[Instance]) -> None:
    """Whoever deletes a machine wants its bill to end; what cannot come home stays, on a disk without a machine."""
    with tamed_ctrl_c() as ctrl_c:
        trouble = _try(rig, lambda: on_each(rig, nodes, _bring_everything_home), ctrl_c)
        if trouble is None:
            return
        rig.tell("Nothing is deleted; the machine is stopped instead")
        try:
            nodes = lifecycle.order_stop(rig.account, *nodes)
        except UserError as error:  # one-time spot
            now = f"Nothing was deleted, and {list_ids(nodes)} runs on until its safeguards end it: {error.cause}."
            raise _say_what_stays(rig, trouble, now, f"{error.hint}\n{_GIVE_UP}") from trouble
    lifecycle.wait_for_all(rig.account, nodes, until="stopped")
    disarm(rig)
    now = f"Nothing was deleted; {list_ids(nodes)} is stopped, and only its disk costs money."
    raise _say_what_stays(rig, trouble, now, f"{_FETCH}\n{_GIVE_UP}") from trouble


def _bring_everything_home(rig: Rig, instance: Instance) -> None:
    """Also raises WorldError for what cannot come home, and for work that somebody has begun since the look."""
    if left := bring_all_home(rig, instance):
        raise WorldError(" ".join(left))
    now = next((one for one in list_instances(rig.session, rig.name) if one.id == instance.id), None)
    if now and now.tags.get(STARTED_TAG) != instance.tags.get(STARTED_TAG):
        raise WorldError(f"Somebody has just begun something there: {now.tags.get(STARTED_TAG)}.")


@contextmanager
def afterwards(rig: Rig) -> Iterator[None]:
    """Safeguard 0: when what stands inside is through, well or badly, the setting `after` ends the bill; only then is
    its error told."""
    try:
        yield
    except BaseException as error:
        try:
            end_as_wished(rig)
        except RigError as another:
            rig.tell(str(another))
        if isinstance(error, RigError | KeyboardInterrupt):
            raise
        raise WorldError(_cause(error), "`rig pull` brings home what is not") from error
    end_as_wished(rig)


def _still_going(rig: Rig) -> list[str]:
    """Runs that others have started or queued there. A machine that does not answer keeps no bill running for them."""
    try:
        nodes = find_nodes(rig.session, rig.name)
        if len(nodes) != 1 or nodes[0].state != "running" or pinned_key(rig.known_hosts, nodes[0].id) is None:
            return []  # without its key it would have to be waited for, and this laptop has started nothing there
        with open_host(rig, nodes[0]) as host:
            return [one.name for one in ask_facts(host).running]
    except BaseException:  # noqa: BLE001 - Ctrl-C, a full disk: whatever stops this question must not stop the stop
        return []


def end_as_wished(rig: Rig) -> None:
    """Raises WorldError when AWS does not let us: then a machine costs on, and its reader must act."""
    wish = rig.settings.after
    if wish in ("stop", "terminate") and (left := _still_going(rig)):
        rig.tell(f"AFTER={wish} is for the last run: {' and '.join(left)} still to end; `rig logs` follows the newest")
        return
    try:
        if wish == "stop":
            stop(rig)
        elif wish == "terminate":
            terminate(rig, lose_results=False)
    except AWS_IS_SHUT as error:
        raise WorldError(
            f"AFTER={wish} WAS NOT CARRIED OUT: the machine runs and costs money until a guard stops it. {error.cause}",
            f"{error.hint}\n`rig {wish}` then ends it",
        ) from error


def bring_all_home(rig: Rig, instance: Instance) -> list[str]:
    """End what still runs, gently, fetch every run and notebook that is not home, and let the cloud know that all is.

    Return, in words, what else lies on the disk alone. One run's trouble keeps no other from coming home; it is raised
    at the end. *instance*: described before the host is asked (see `homecoming`).
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
            rig.tell(f"{one.name}: {_cause(error)}")
            troubles.append(error)
    return troubles


def _end_run(rig: Rig, host: Host, facts: Facts, one: RunFacts) -> None:
    rig.tell(f"Run {one.name} is still going: asking it to save and end")
    run.stop(host, facts.docker, one.name)
