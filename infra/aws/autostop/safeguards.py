"""The safeguards around one instance that AWS knows of: what they are now, and how they are armed, moved and taken off.

Nothing here raises because one safeguard cannot be armed: the others hold without it, and the list says which do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from infra.aws.autostop import alarms, schedule
from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, write_tags
from infra.budget import tag
from infra.errors import AwsFailed, NotAllowed
from infra.guard.safeguard import Safeguard, guard
from infra.names import DEADLINE_TAG


def read_safeguards(session: Session, instance: Instance) -> list[Safeguard]:
    """Safeguards 1 to 3 of *instance* as AWS knows them; number 0 is `guard.safeguard.after_run`."""
    return [
        _guard(instance, instance.deadline),
        alarms.read_safeguard(session, instance),
        schedule.read_safeguard(session, instance),
    ]


def read_each(session: Session, instances: Sequence[Instance]) -> list[list[Safeguard]]:
    """As `read_safeguards`, for the machines of one group: a few questions, however many they are."""
    if len(instances) == 1:
        return [read_safeguards(session, instances[0])]
    guards = [_guard(one, one.deadline) for one in instances]
    watched, timed = alarms.read_each(session, instances), schedule.read_each(session, instances)
    return [list(three) for three in zip(guards, watched, timed, strict=True)]


def arm(session: Session, instance: Instance, deadline: datetime) -> list[Safeguard]:
    """Arm safeguards 2 and 3, at every start. Number 1 comes with user-data and the tag, which the start itself writes.

    For a stopped instance best done before it is started: what is left of an earlier start would still hold its time.
    """
    return [_guard(instance, deadline), alarms.arm(session, instance), schedule.arm(session, instance, deadline)]


def extend(session: Session, instance: Instance, deadline: datetime) -> list[Safeguard]:
    """Move the deadline everywhere. The tag first: it is the one truth, and all that safeguard 1 reads.

    Raises if the tag cannot be written; then nothing has moved. Safeguard 2 knows no deadline.
    """
    write_tags(session, instance, {DEADLINE_TAG: tag(deadline)})
    return move(session, instance, deadline)


def move(session: Session, instance: Instance, deadline: datetime) -> list[Safeguard]:
    """As `extend`, for an instance whose tag says *deadline* already."""
    return [
        _guard(instance, deadline),
        alarms.read_safeguard(session, instance),
        schedule.arm(session, instance, deadline),
    ]


def still_armed(session: Session, instances: Sequence[Instance]) -> Sequence[Instance]:
    """Those of *instances* of which safeguard 2 or 3 is left; all of them where AWS does not say.

    AWS lists a terminated machine for an hour: of many that ended in it, one question tells which need a second one.
    """
    if len(instances) <= 1:
        return instances
    try:
        watched, timed = alarms.read_all(session, instances), schedule.read_states(session)
    except (NotAllowed, AwsFailed):
        return instances
    return [
        one
        for one in instances
        if schedule.name(one.id) in timed or not watched.keys().isdisjoint(alarms.names(one.id))
    ]


def disarm(session: Session, instance_id: str) -> list[str]:
    """Take off safeguards 2 and 3 of an instance that is stopped or terminated. Returns why one stayed, if it did."""
    failed = []
    for remove in (alarms.disarm, schedule.disarm):
        try:
            remove(session, instance_id)
        except (NotAllowed, AwsFailed) as error:
            failed.append(error.cause)
    return failed


def _guard(instance: Instance, deadline: datetime | None) -> Safeguard:
    return guard(deadline, instance.idle_minutes)
