"""Stop and terminate: what a run produced comes home first, whatever else happens, and the bill ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias, TypeVar

from infra.aws.account.teardown import end_rig
from infra.aws.autostop import safeguards
from infra.aws.instances import lifecycle
from infra.aws.instances.instance import Instance, find_nodes, list_instances, orders_of
from infra.errors import AWS_IS_SHUT, NothingToDo, RigError, UserError, WorldError
from infra.host.facts import ask_facts
from infra.host.known_hosts import pinned_key
from infra.host.programs import FIRST_WORD_S
from infra.names import STARTED_TAG
from infra.workflows.context import Rig, open_host
from infra.workflows.homecoming import bring_all_home, say_cause
from infra.workflows.interrupt import CtrlC, outliving_the_terminal, tamed_ctrl_c
from infra.workflows.nodes import ask_each, on_each
from infra.workflows.results import is_home
from infra.workflows.ssh_config import remove_entry
from infra.workflows.status import Standing, standings_of

T = TypeVar("T")
Nodes: TypeAlias = tuple[Instance, ...]


@outliving_the_terminal()
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
        trouble = _try(rig, up, bring_all_home, ctrl_c) if up else None
        return lifecycle.order_stop(rig.account, *nodes), trouble


def _try(
    rig: Rig, nodes: Sequence[Instance], bring_home: Callable[[Rig, Instance], object], ctrl_c: CtrlC
) -> BaseException | None:
    """Let each of *nodes* bring home what it holds; return what went wrong, whatever it was."""
    try:
        ctrl_c.interrupts = True
        rig.tell(f"Asking {list_ids(nodes)} what is not home yet; one that hangs is given up after {FIRST_WORD_S:g} s")
        on_each(rig, nodes, bring_home)
        ctrl_c.interrupts = False
    except BaseException as error:  # noqa: BLE001 - a full disk here, Ctrl-C, a fault of ours: none may keep the bill running
        ctrl_c.interrupts = False
        rig.tell(f"Not everything is home: {say_cause(error)}")
        return error
    return None


_FETCH: Final = "it stays on the disk: `rig start`, then `rig pull`"


def _say_what_stays(rig: Rig, trouble: BaseException, now: str, hint: str) -> BaseException:
    """What to raise when *trouble* kept results from coming home. *now*: how things stand."""
    if isinstance(trouble, KeyboardInterrupt):
        rig.tell(str(WorldError(now, hint)))
        return trouble
    own = trouble.hint if isinstance(trouble, RigError) else ""
    return WorldError(f"{now} {say_cause(trouble)}", "\n".join(filter(None, [own, hint])))


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


@outliving_the_terminal()
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
        trouble = _try(rig, nodes, _bring_everything_home, ctrl_c)
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
def afterwards(rig: Rig, run: str) -> Iterator[None]:
    """Safeguard 0: when what stands inside, about *run*, is through, well or badly, the setting `after` ends the bill;
    only then is its error told."""
    try:
        yield
    except BaseException as error:
        try:
            end_as_wished(rig, run)
        except RigError as another:
            rig.tell(str(another))
        if isinstance(error, RigError | KeyboardInterrupt):
            raise
        raise WorldError(say_cause(error), "`rig pull` brings home what is not") from error
    end_as_wished(rig, run)


def _still_going(rig: Rig, run: str) -> list[str]:
    """Runs besides *run* that others have started or queued there. A machine that does not answer keeps no bill running
    for them."""
    try:
        # Without its key a machine would have to be waited for, and this laptop has started nothing there.
        up = [one for one in find_nodes(rig.session, rig.name) if one.state == "running"]
        known = [one for one in up if pinned_key(rig.known_hosts, one.id) is not None]
        there = ask_each(rig, known, _running_on).there if known else ()
    except BaseException:  # noqa: BLE001 - Ctrl-C, a full disk: whatever stops this question must not stop the stop
        return []
    return sorted({name for _, names in there for name in names} - {run})


def _running_on(rig: Rig, node: Instance) -> list[str]:
    with open_host(rig, node) as host:
        return [one.name for one in ask_facts(host).running]


def end_as_wished(rig: Rig, run: str) -> None:
    """Raises WorldError when AWS does not let us: then a machine costs on, and its reader must act."""
    wish = rig.settings.after
    if wish in ("stop", "terminate") and (left := _still_going(rig, run)):
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
