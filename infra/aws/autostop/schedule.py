"""Safeguard 3: one EventBridge schedule per instance: EC2 itself switches it off ten minutes after its deadline.

It needs nothing of the instance, its metrics, or the laptop. It needs a role that lets the scheduler stop and terminate
instances with the kit's tag, which `rig setup-guard` makes once per account.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, find_all
from infra.errors import AwsFailed, NotAllowed
from infra.guard.safeguard import SCHEDULE, Safeguard
from infra.names import KIT, OWNER_TAG

ROLE: Final = f"{KIT}-deadman"
POLICY: Final = f"{KIT}-switch-off"
# The guard needs less to wind down (`guard.program.ending`), and its backstop as well.
AFTER_DEADLINE: Final = timedelta(minutes=10)
AT: Final = "at(%Y-%m-%dT%H:%M:%S)"
LATER: Final = "ten minutes after the deadline for which it was set"
NO_ROLE: Final = "needs a role that does not exist yet: `rig setup-guard` makes it, once per account"
NO_SCHEDULE: Final = "no schedule yet; `rig launch` again sets it, and changes nothing else"


def name(instance_id: str) -> str:
    return f"{KIT}-{instance_id}"


def trust_policy(account: str) -> dict[str, Any]:
    """Who may take the role: the scheduler, and only on behalf of this account.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "scheduler.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }


def permission_policy(account: str, partition: str = "aws") -> dict[str, Any]:
    """What the role may do: switch off the kit's own instances, in any region, and nothing else."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["ec2:StopInstances", "ec2:TerminateInstances"],
                "Resource": f"arn:{partition}:ec2:*:{account}:instance/*",
                "Condition": {"StringEquals": {f"ec2:ResourceTag/{OWNER_TAG}": KIT}},
            }
        ],
    }


def definition(instance: Instance, deadline: datetime, *, role_arn: str, partition: str) -> dict[str, Any]:
    """CreateSchedule's and UpdateSchedule's arguments. One-time spot cannot be stopped, only terminated."""
    verb = "terminate" if instance.spot else "stop"
    return {
        "Name": name(instance.id),
        "Description": f"Gluon Rig: {verb} {instance.id} ten minutes after its deadline, if nothing else has.",
        "ScheduleExpression": fires_at(deadline).strftime(AT),
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "State": "ENABLED",
        "Target": {
            "Arn": f"arn:{partition}:scheduler:::aws-sdk:ec2:{verb}Instances",
            "RoleArn": role_arn,
            "Input": json.dumps({"InstanceIds": [instance.id]}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 20},
        },
    }


def fires_at(deadline: datetime) -> datetime:
    return deadline.astimezone(timezone.utc).replace(microsecond=0) + AFTER_DEADLINE


def arm(session: Session, instance: Instance, deadline: datetime) -> Safeguard:
    """Make the schedule, or move the one that is there. What stands in the way is told by the safeguard, not raised."""
    try:
        role_arn = _role_arn(session)
        if not role_arn:
            return Safeguard(SCHEDULE, armed=False, note=NO_ROLE)
        _write(session, definition(instance, deadline, role_arn=role_arn, partition=role_arn.split(":")[1]))
    except (NotAllowed, AwsFailed) as error:
        return _say_why_it_stays(read_safeguard(session, instance), error.cause)
    return Safeguard(SCHEDULE, armed=True, fires_at=fires_at(deadline))


def _say_why_it_stays(now: Safeguard, cause: str) -> Safeguard:
    """An earlier schedule that could not be moved still fires: that must be said above all."""
    if now.armed and now.fires_at:
        return Safeguard(SCHEDULE, armed=True, fires_at=now.fires_at, note=f"still stands at its EARLIER time: {cause}")
    return Safeguard(SCHEDULE, armed=False, note=cause)


def _write(session: Session, wanted: dict[str, Any]) -> None:
    scheduler = session.client("scheduler")
    with session.translated("set the schedule of safeguard 3"):
        try:
            scheduler.create_schedule(**wanted)
        except scheduler.exceptions.ConflictException:
            scheduler.update_schedule(**wanted)


def arm_all(session: Session) -> list[tuple[Instance, Safeguard]]:
    """Make the schedules of the region's rigs that were launched before there was a role."""
    running = [one for one in find_all(session) if one.state in ("pending", "running")]
    return [(one, arm(session, one, one.deadline)) for one in running if one.deadline]


def read_safeguard(session: Session, instance: Instance) -> Safeguard:
    """What the schedule is now."""
    scheduler = session.client("scheduler")
    try:
        with session.translated("read the schedule of safeguard 3"):
            found = scheduler.get_schedule(Name=name(instance.id))
    except NotAllowed as error:
        return Safeguard(SCHEDULE, armed=False, note=error.cause)
    except AwsFailed as error:
        absent = "ResourceNotFound" in error.code
        return Safeguard(SCHEDULE, armed=False, note=_why_absent(session) if absent else error.cause)
    try:
        when = datetime.strptime(found["ScheduleExpression"], AT).replace(tzinfo=timezone.utc)
    except ValueError:  # somebody has changed it by hand
        return Safeguard(
            SCHEDULE, armed=False, note=f"its time reads {found['ScheduleExpression']!r}; `rig extend` fixes it"
        )
    return Safeguard(SCHEDULE, armed=found["State"] == "ENABLED", fires_at=when)


def read_each(session: Session, instances: Sequence[Instance]) -> list[Safeguard]:
    """The same of many, by one question for all, whose answer does not tell when each will fire."""
    try:
        states = read_states(session)
    except (NotAllowed, AwsFailed) as error:
        return [Safeguard(SCHEDULE, armed=False, note=error.cause) for _ in instances]
    absent = "" if all(name(one.id) in states for one in instances) else _why_absent(session)
    return [
        Safeguard(SCHEDULE, armed=states[name(one.id)] == "ENABLED", note=LATER)
        if name(one.id) in states
        else Safeguard(SCHEDULE, armed=False, note=absent)
        for one in instances
    ]


def read_states(session: Session) -> dict[str, str]:
    """The state of every schedule of the kit in this region, by its name. Raises what AWS refuses."""
    with session.translated("read the schedules of safeguard 3"):
        listed = session.client("scheduler").get_paginator("list_schedules")
        pages = listed.paginate(NamePrefix=f"{KIT}-i-", PaginationConfig={"PageSize": 100})
        return {one["Name"]: one.get("State", "") for page in pages for one in page["Schedules"]}


def _why_absent(session: Session) -> str:
    try:
        return NO_SCHEDULE if _role_arn(session) else NO_ROLE
    except AwsFailed as error:
        return error.cause


def disarm(session: Session, instance_id: str) -> None:
    """Remove the schedule. One that has fired removes itself, so none is fine."""
    scheduler = session.client("scheduler")
    try:
        with session.translated("remove the schedule of safeguard 3"):
            scheduler.delete_schedule(Name=name(instance_id))
    except AwsFailed as error:
        if "ResourceNotFound" not in error.code:
            raise


@dataclass(frozen=True)
class Role:
    """The role of safeguard 3. *created*: it was not there before."""

    arn: str
    created: bool
    trust: dict[str, Any]
    permissions: dict[str, Any]


def setup_guard(session: Session) -> Role:
    """Make the role, or put an existing one right. Needs iam:CreateRole, so often an administrator, once."""
    account, partition = _account(session)
    trust, permissions = trust_policy(account), permission_policy(account, partition)
    iam = session.client("iam")
    with session.translated(f"make the role {ROLE}"):
        try:
            iam.create_role(
                RoleName=ROLE,
                AssumeRolePolicyDocument=json.dumps(trust),
                Description="Gluon Rig, safeguard 3: lets EventBridge Scheduler switch off the kit's instances.",
                Tags=[{"Key": OWNER_TAG, "Value": KIT}],
            )
            created = True
        except iam.exceptions.EntityAlreadyExistsException:
            iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))
            created = False
        iam.put_role_policy(RoleName=ROLE, PolicyName=POLICY, PolicyDocument=json.dumps(permissions))
    return Role(f"arn:{partition}:iam::{account}:role/{ROLE}", created, trust, permissions)


def remove_role(session: Session) -> None:
    """Undo `setup_guard`. No role is fine."""
    iam = session.client("iam")
    with session.translated(f"remove the role {ROLE}"):
        try:
            iam.delete_role_policy(RoleName=ROLE, PolicyName=POLICY)
            iam.delete_role(RoleName=ROLE)
        except iam.exceptions.NoSuchEntityException:
            return


def _role_arn(session: Session) -> str:
    """Empty when there is no such role. Where we may not look, its name is good enough to try."""
    try:
        with session.translated("look for the role of safeguard 3"):
            return str(session.client("iam").get_role(RoleName=ROLE)["Role"]["Arn"])
    except NotAllowed:
        account, partition = _account(session)
        return f"arn:{partition}:iam::{account}:role/{ROLE}"
    except AwsFailed as error:
        if error.code == "NoSuchEntity":
            return ""
        raise


def _account(session: Session) -> tuple[str, str]:
    """(account id, partition: "aws", "aws-cn", ...)"""
    with session.translated("ask who you are"):
        who = session.client("sts").get_caller_identity()
    return str(who["Account"]), str(who["Arn"]).split(":")[1]
