"""EventBridge schedules that fire: moto keeps them and runs none.

One-time schedules with EC2 as the target, as https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
and managing-targets-universal.html describe them.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timezone
from typing import Any, Final
from zoneinfo import ZoneInfo

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.scheduler.models import scheduler_backends

from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud.lifecycle import LOCK
from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Refusal

AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
VERBS: Final = {"stopInstances": "stop_instances", "terminateInstances": "terminate_instances"}

log = logging.getLogger(__name__)


def refuse_bad_schedule(call: Call, backend: Any) -> None:
    """An expression that is no time, or a role that the scheduler cannot take; moto keeps both."""
    expression = str(call.params.get("ScheduleExpression", ""))
    if expression.startswith("at") and not AT.fullmatch(expression):
        raise Refusal("ValidationException", f"Invalid Schedule Expression {expression}.")
    role = str(call.params.get("Target", {}).get("RoleArn", "")).rpartition("/")[2]
    known = [one for one in iam_backends[backend.account_id]["aws"].roles.values() if one.name == role]
    if not known or "scheduler.amazonaws.com" not in known[0].assume_role_policy_document:
        raise Refusal(
            "ValidationException",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        )


def fire_due(clock: Clock, account: str) -> None:
    """Carry out every one-time schedule whose time has come, and remove it if it says so."""
    with LOCK:
        for region, backend in list(scheduler_backends[account].items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    if _due(schedule, clock.now()):
                        _fire(schedule, ec2_backends[account][region])
                        _after(group, schedule)


def _due(schedule: Any, now: datetime) -> bool:
    match = AT.fullmatch(schedule.schedule_expression)
    if not match or schedule.state != "ENABLED" or getattr(schedule, "fired", False):
        return False
    name = schedule.schedule_expression_timezone
    # A computer may be without a time zone database, which UTC does not need.
    zone = timezone.utc if name == "UTC" else ZoneInfo(name)
    return datetime.fromisoformat(match[1]).replace(tzinfo=zone) <= now


def _fire(schedule: Any, ec2: Any) -> None:
    verb = VERBS.get(schedule.target["Arn"].rpartition(":")[2])
    ids = json.loads(schedule.target.get("Input", "{}")).get("InstanceIds", [])
    log.info("schedule %s fires: %s %s", schedule.name, verb, ids)
    if verb is None:
        return
    try:
        getattr(ec2, verb)(ids)  # in one call, as EventBridge makes it: one id that is gone, and none is stopped
    except Exception as error:  # noqa: BLE001  AWS would retry and give up; what matters here is that others still fire
        log.info("schedule %s: %s %s: %s", schedule.name, verb, ids, error)


def _after(group: Any, schedule: Any) -> None:
    schedule.fired = True
    if schedule.action_after_completion == "DELETE":
        group.schedules.pop(schedule.name)
