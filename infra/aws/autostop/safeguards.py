"""The rings around one instance that AWS knows of: what they are now, and how they are armed, moved and taken off.

Nothing here raises because one ring cannot be armed: the others hold without it, and the list says which do.
"""

from __future__ import annotations

from datetime import datetime

from infra.aws.autostop import alarms, schedule
from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, write_tags
from infra.budget import tag
from infra.errors import AwsFailed, NotAllowed
from infra.guard.safeguard import Ring, guard
from infra.names import DEADLINE_TAG


def rings(session: Session, instance: Instance) -> list[Ring]:
    """Rings 1 to 3 of *instance* as AWS knows them; ring 0 is `guard.ring.story`."""
    return [_guard(instance, instance.deadline), alarms.ring(session, instance), schedule.ring(session, instance)]


def arm(session: Session, instance: Instance, deadline: datetime) -> list[Ring]:
    """Arm rings 2 and 3, at every start. Ring 1 comes with user-data and the tag, which the start itself writes.

    For a stopped instance best done before it is started: what is left of an earlier start would still hold its time.
    """
    return [_guard(instance, deadline), alarms.arm(session, instance), schedule.arm(session, instance, deadline)]


def extend(session: Session, instance: Instance, deadline: datetime) -> list[Ring]:
    """Move the deadline everywhere. The tag first: it is the one truth, and all that ring 1 reads.

    Raises if the tag cannot be written; then nothing has moved. Ring 2 knows no deadline.
    """
    write_tags(session, instance, {DEADLINE_TAG: tag(deadline)})
    return [_guard(instance, deadline), alarms.ring(session, instance), schedule.arm(session, instance, deadline)]


def disarm(session: Session, instance_id: str) -> list[str]:
    """Take off rings 2 and 3 of an instance that is stopped or terminated. Returns why something stayed, if it did."""
    failed = []
    for remove in (alarms.disarm, schedule.disarm):
        try:
            remove(session, instance_id)
        except (NotAllowed, AwsFailed) as error:
            failed.append(error.cause)
    return failed


def _guard(instance: Instance, deadline: datetime | None) -> Ring:
    return guard(deadline, instance.idle_minutes)
