"""Start, stop, terminate, wait, for one machine or a group. Each says the wish and is calm if it is granted already:
NothingToDo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from infra.aws.client.account import Account
from infra.aws.client.session import Session
from infra.aws.instances.instance import ENDED, Instance, list_instances, write_tags_on_all
from infra.aws.instances.retry import retry
from infra.errors import AwsFailed, NoCapacity, NothingToDo, RigError, UserError

POLL_S: Final = 3.0
# EC2's answers are "eventually consistent": right after StartInstances it may still say "stopped", right after
# RunInstances nothing at all. https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
STALE_S: Final = 20.0
# Stopping a GPU instance whose system does not react takes up to ten minutes, then EC2 pulls the plug.
LIMITS_S: Final[Mapping[str, float]] = {"running": 300.0, "stopped": 900.0, "terminated": 900.0}
# Where an instance can be on its way to each wish; anything else means that it will not arrive.
_WAYS: Final[Mapping[str, frozenset[str]]] = {
    "running": frozenset({"pending", "running"}),
    "stopped": frozenset({"stopping", "stopped"}),
    "terminated": frozenset({"shutting-down", "terminated"}),
}
_OFF: Final = ENDED | {"stopping", "stopped"}
_STOP_AGAIN: Final = 2  # so often a machine of a group may go while the others are being stopped
# What StopInstances says of one that has gone; it stops none of the others then.
_ONE_IS_GONE: Final = frozenset({"IncorrectInstanceState", "InvalidInstanceID.NotFound"})


def wait(account: Account, instance: Instance, *, until: str) -> Instance:
    """Poll until *instance* is "running" (and has an address), "stopped" or "terminated".

    Raises AwsFailed when LIMITS_S are over or the instance went elsewhere, NoCapacity when it did so for want of a
    machine. A terminated instance that EC2 no longer shows counts as terminated.
    """
    return wait_for_all(account, (instance,), until=until)[0]


def wait_for_all(account: Account, nodes: Sequence[Instance], *, until: str) -> tuple[Instance, ...]:
    """As `wait`, for each of *nodes*, with one question for all of them."""
    shown = {one.id: one for one in watch(account, nodes, until=until)}
    return tuple(shown.get(one.id, replace(one, state="terminated")) for one in nodes)


def watch(account: Account, nodes: Sequence[Instance], *, until: str) -> tuple[Instance, ...]:
    """As `wait_for_all`, but answer all instances of that name at the moment when the last of *nodes* arrived."""
    now = {one.id: one for one in nodes}
    for gone_s in account.clock.ticks(for_s=LIMITS_S[until], every_s=POLL_S, first_s=0.5):
        crowd = list_instances(account.session, nodes[0].name)
        before, shown = now, {one.id: one for one in crowd if one.id in now}
        now = {**now, **shown}
        _tell_states(account, before, now, until, gone_s)
        if all(_has_arrived(one, shown, until, gone_s) for one in now.values()):
            return crowd
    raise _too_late(next(one for one in now.values() if one.state != until), until)


def _has_arrived(one: Instance, shown: Mapping[str, Instance], until: str, gone_s: float) -> bool:
    """Raises what `wait` raises when it never will."""
    if one.id not in shown:
        return gone_s > STALE_S and _is_forgotten(one, until)
    if one.state == until and (until != "running" or one.address):
        return True
    if until == "stopped" and one.ended and one.nodes > 1:
        return True  # somebody terminates it meanwhile: its bill has ended, and the others are waited for
    if one.state not in _WAYS[until] and (gone_s > STALE_S or one.ended):
        raise _went_elsewhere(one, until)
    return False


def _tell_states(
    account: Account, before: Mapping[str, Instance], now: Mapping[str, Instance], until: str, gone_s: float
) -> None:
    changed = [one for one in now.values() if one.state != before[one.id].state]
    if changed and len(now) == 1:
        account.tell(f"{changed[0].id} is {changed[0].state} ({gone_s:.0f} s)")
    elif changed:
        there = sum(one.state == until for one in now.values())
        account.tell(f"{there} of {len(now)} are {until} ({gone_s:.0f} s)")


def start(account: Account, instance: Instance, tags: Mapping[str, str]) -> Instance:
    """Start a stopped instance and wait until it runs. *tags*, the new deadline above all, are written before that."""
    if instance.state == "running":
        raise NothingToDo(f"{instance.name} ({instance.id}) is already running")
    return start_all(account, (instance,), tags)[0]


def start_all(account: Account, nodes: Sequence[Instance], tags: Mapping[str, str]) -> tuple[Instance, ...]:
    """Start those of *nodes* that rest, and wait until all run; all of them get *tags*, for they have one deadline.

    StartInstances may start some of many: the caller stops them again when this raises.
    """
    for one in nodes:
        if one.ended:
            raise UserError(f"{one.name} ({one.id}) is {one.state} and cannot come back", "`rig launch`")
    if stopping := [one for one in nodes if one.state == "stopping"]:
        account.tell(f"{_say_who(stopping)} still stopping: waiting, then starting")
        wait_for_all(account, stopping, until="stopped")
    if resting := [one for one in nodes if one.state in ("stopping", "stopped")]:
        # First the tag: the guard on the instance reads it while booting, and an old deadline would power it off again.
        write_tags_on_all(account.session, nodes, tags)
        _order_start(account, resting)
    try:
        return wait_for_all(account, nodes, until="running")
    except NoCapacity as error:
        raise _no_capacity_to_start(nodes[0], error) from error


def _order_start(account: Account, resting: Sequence[Instance]) -> None:
    first, ids = resting[0], [one.id for one in resting]
    account.tell(f"Starting {first.type} {' '.join(ids)} in {first.zone}")
    try:
        retry(
            account,
            f"start {' '.join(ids)}",
            lambda ec2: ec2.start_instances(InstanceIds=ids),
            machine=first.type,
            spot=first.spot,
        )
    except NoCapacity as error:
        raise _no_capacity_to_start(first, error) from error


def stop(account: Account, instance: Instance) -> Instance:
    """Stop the instance and wait until it is stopped: from then on only its disk costs."""
    return stop_all(account, (instance,))[0]


def stop_all(account: Account, nodes: Sequence[Instance]) -> tuple[Instance, ...]:
    return wait_for_all(account, order_stop(account, *nodes), until="stopped")


def order_stop(account: Account, *nodes: Instance) -> tuple[Instance, ...]:
    """Once this is through, the machines stop, whoever waits for them or does not; those that do.

    EC2 stops none of several when one of them has gone: then the others are asked for again, without it.
    """
    _refuse_to_stop(nodes)
    if any(one.state == "pending" for one in nodes):
        nodes = _let_boot(account, nodes)
    for left in reversed(range(_STOP_AGAIN + 1)):
        # Also one in a state that nobody has heard of: it may cost money.
        ids = [one.id for one in nodes if one.state not in _OFF]
        try:
            if ids:
                with account.session.translated(f"stop {' '.join(ids)}"):
                    account.session.client("ec2").stop_instances(InstanceIds=ids)
            break
        except AwsFailed as error:
            if error.code not in _ONE_IS_GONE or len(nodes) == 1 or not left:
                raise
        nodes = _those_left(account, nodes)
    if not nodes:
        raise NothingToDo("Every machine of it has been terminated meanwhile.")
    account.tell(f"Stopping {_list_ids(nodes)}")
    return nodes


def _let_boot(account: Account, nodes: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """*nodes*, once EC2 would stop them: it refuses while one is pending. One that never comes up keeps none of the
    others running."""
    try:
        wait_for_all(account, [one for one in nodes if one.state == "pending"], until="running")
        return nodes
    except AwsFailed:
        if len(nodes) == 1:
            raise
    return _those_left(account, nodes)


def _refuse_to_stop(nodes: Sequence[Instance]) -> None:
    first = nodes[0]
    if all(one.state == "stopped" for one in nodes):
        raise NothingToDo(f"{first.name} ({_list_ids(nodes)}) is already stopped")
    if all(one.ended for one in nodes):
        raise NothingToDo(f"{first.name} ({_list_ids(nodes)}) is {first.state}")
    if first.spot:
        raise UserError(
            f"{first.name} ({_list_ids(nodes)}) is a one-time spot instance: EC2 cannot stop it, only end it",
            "`rig pull` brings the results home, then `rig terminate` ends it, disk and all",
        )


def _those_left(account: Account, nodes: Sequence[Instance]) -> tuple[Instance, ...]:
    """Those of *nodes* that have not ended, as they are now."""
    shown = {one.id: one for one in list_instances(account.session, nodes[0].name) if not one.ended}
    return tuple(shown[one.id] for one in nodes if one.id in shown)


def require_up(session: Session, instance: Instance) -> None:
    """Raises AwsFailed where *instance* was terminated or stopped meanwhile; nobody need wait for it any more."""
    now = next((one for one in list_instances(session, instance.name) if one.id == instance.id), None)
    if now and now.state not in _WAYS["running"]:
        raise _went_elsewhere(now, "running")


def terminate(account: Account, instance: Instance) -> Instance:
    """End the instance for good, its root disk with it, and wait until EC2 says so."""
    if instance.state == "terminated":
        raise NothingToDo(f"{instance.name} ({instance.id}) is already terminated")
    return terminate_all(account, (instance,))[0]


def terminate_all(account: Account, nodes: Sequence[Instance]) -> tuple[Instance, ...]:
    """As `terminate`, in one call; those that are ending already are waited for."""
    if ids := [one.id for one in nodes if not one.ended]:
        with account.session.translated(f"terminate {' '.join(ids)}"):
            account.session.client("ec2").terminate_instances(InstanceIds=ids)
    account.tell(f"Terminating {_list_ids(nodes)}")
    return wait_for_all(account, nodes, until="terminated")


def _list_ids(nodes: Sequence[Instance]) -> str:
    return " ".join(one.id for one in nodes)


def _say_who(nodes: Sequence[Instance]) -> str:
    return f"{_list_ids(nodes)} {'is' if len(nodes) == 1 else 'are'}"


def _is_forgotten(instance: Instance, until: str) -> bool:
    """EC2 shows a new instance some seconds late, and forgets a terminated one after about an hour."""
    if until == "terminated":
        return True
    raise AwsFailed(
        f"EC2 no longer shows {instance.id}", "somebody may have terminated it: `rig status`, then `rig launch`"
    )


def _went_elsewhere(now: Instance, until: str) -> RigError:
    why = f" ({now.state_reason})" if now.state_reason else ""
    cause = f"{now.node} is {now.state} instead of {until}{why}"
    if "InsufficientInstanceCapacity" in now.state_reason:
        return NoCapacity(cause, code="InsufficientInstanceCapacity")
    return AwsFailed(cause, "`rig status` shows its state; run the command again")


def _too_late(now: Instance, until: str) -> AwsFailed:
    hint = "`rig status` shows its state; run the command again to go on waiting"
    if until == "stopped":
        hint += (
            f"\nif it hangs: `aws ec2 stop-instances --force --instance-ids {now.id}`; until it stops, it costs money"
        )
    return AwsFailed(f"{now.node} is still {now.state} and not {until} after {LIMITS_S[until]:.0f} s", hint)


def _no_capacity_to_start(instance: Instance, error: NoCapacity) -> NoCapacity:
    return NoCapacity(
        f"Cannot start {instance.id}: AWS has no free {instance.type} in {instance.zone} now, "
        "and a stopped instance can start in its own zone only",
        "try again in some minutes, or let the kit go on asking: WAIT_MINUTES=30\n"
        "another type on the same disk: `aws ec2 modify-instance-attribute --instance-id "
        f"{instance.id} --instance-type Value=g6.xlarge`\n"
        "another zone: `rig bake` keeps the disk as an image, then `rig terminate` and `rig launch`\n"
        "it is stopped: only its disk costs money",
        code=error.code,
    )
