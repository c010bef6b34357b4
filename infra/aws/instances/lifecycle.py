"""Start, stop, terminate, wait. Each says the wish and is calm if it is granted already: NothingToDo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from infra.aws.client.account import Account
from infra.aws.instances.instance import Instance, list_instances, write_tags
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


def wait(account: Account, instance: Instance, *, until: str) -> Instance:
    """Poll until *instance* is "running" (and has an address), "stopped" or "terminated".

    Raises AwsFailed when LIMITS_S are over or the instance went elsewhere, NoCapacity when it did so for want of a
    machine. A terminated instance that EC2 no longer shows counts as terminated.
    """
    crowd = watch(account, instance, until=until)
    return next((one for one in crowd if one.id == instance.id), replace(instance, state="terminated"))


def watch(account: Account, instance: Instance, *, until: str) -> tuple[Instance, ...]:
    """As `wait`, but answer all instances of that name at the moment when *instance* arrived."""
    now = instance
    for gone_s in account.clock.ticks(for_s=LIMITS_S[until], every_s=POLL_S, first_s=0.5):
        crowd = list_instances(account.session, instance.name)
        seen = next((one for one in crowd if one.id == instance.id), None)
        if seen is None:
            if gone_s > STALE_S and _forgotten(instance, until):
                return crowd
            continue
        before, now = now, seen
        if now.state != before.state:
            account.tell(f"{now.id} is {now.state} ({gone_s:.0f} s)")
        if now.state == until and (until != "running" or now.address):
            return crowd
        if now.state not in _WAYS[until] and (gone_s > STALE_S or now.ended):
            raise _went_elsewhere(now, until)
    raise _too_late(now, until)


def start(account: Account, instance: Instance, tags: Mapping[str, str]) -> Instance:
    """Start a stopped instance and wait until it runs. *tags*, the new deadline above all, are written before that."""
    if instance.state == "running":
        raise NothingToDo(f"{instance.name} ({instance.id}) is already running")
    if instance.ended:
        raise UserError(f"{instance.name} ({instance.id}) is {instance.state} and cannot come back", "`rig launch`")
    if instance.state == "pending":
        return wait(account, instance, until="running")
    if instance.state == "stopping":
        account.tell(f"{instance.id} is still stopping: waiting, then starting it")
        instance = wait(account, instance, until="stopped")
    # First the tag: the guard on the instance reads it while booting, and an old deadline would power it off again.
    write_tags(account.session, instance, tags)
    account.tell(f"Starting {instance.type} {instance.id} in {instance.zone}")
    try:
        retry(
            account,
            f"start {instance.id}",
            lambda ec2: ec2.start_instances(InstanceIds=[instance.id]),
            machine=instance.type,
            spot=instance.spot,
        )
        return wait(account, instance, until="running")
    except NoCapacity as error:
        raise _no_capacity_to_start(instance, error) from error


def stop(account: Account, instance: Instance) -> Instance:
    """Stop the instance and wait until it is stopped: from then on only its disk costs."""
    order_stop(account, instance)
    return wait(account, instance, until="stopped")


def order_stop(account: Account, instance: Instance) -> None:
    """Once this is through, the machine stops, whoever waits for it or does not."""
    if instance.state == "stopped":
        raise NothingToDo(f"{instance.name} ({instance.id}) is already stopped")
    if instance.ended:
        raise NothingToDo(f"{instance.name} ({instance.id}) is {instance.state}")
    if instance.spot:
        raise UserError(
            f"{instance.name} ({instance.id}) is a one-time spot instance: EC2 cannot stop it, only end it",
            "`rig pull` brings the results home, then `rig terminate` ends it, disk and all",
        )
    if instance.state == "pending":  # EC2 refuses to stop it now
        instance = wait(account, instance, until="running")
    if instance.state != "stopping":
        with account.session.translated(f"stop {instance.id}"):
            account.session.client("ec2").stop_instances(InstanceIds=[instance.id])
    account.tell(f"Stopping {instance.id}")


def terminate(account: Account, instance: Instance) -> Instance:
    """End the instance for good, its root disk with it, and wait until EC2 says so."""
    if instance.state == "terminated":
        raise NothingToDo(f"{instance.name} ({instance.id}) is already terminated")
    if instance.state != "shutting-down":
        with account.session.translated(f"terminate {instance.id}"):
            account.session.client("ec2").terminate_instances(InstanceIds=[instance.id])
    account.tell(f"Terminating {instance.id}")
    return wait(account, instance, until="terminated")


def _forgotten(instance: Instance, until: str) -> bool:
    """EC2 shows a new instance some seconds late, and forgets a terminated one after about an hour."""
    if until == "terminated":
        return True
    raise AwsFailed(
        f"EC2 no longer shows {instance.id}", "somebody may have terminated it: `rig status`, then `rig launch`"
    )


def _went_elsewhere(now: Instance, until: str) -> RigError:
    why = f" ({now.state_reason})" if now.state_reason else ""
    cause = f"{now.id} is {now.state} instead of {until}{why}"
    if "InsufficientInstanceCapacity" in now.state_reason:
        return NoCapacity(cause, code="InsufficientInstanceCapacity")
    return AwsFailed(cause, "`rig status` shows its state; run the command again")


def _too_late(now: Instance, until: str) -> AwsFailed:
    hint = "`rig status` shows its state; run the command again to go on waiting"
    if until == "stopped":
        hint += (
            f"\nif it hangs: `aws ec2 stop-instances --force --instance-ids {now.id}`; until it stops, it costs money"
        )
    return AwsFailed(f"{now.id} is still {now.state} and not {until} after {LIMITS_S[until]:.0f} s", hint)


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
