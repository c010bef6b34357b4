"""CloudWatch alarms that fire: moto keeps them, evaluates none, and never stops an instance.

How an alarm is evaluated, with missing data left missing, and that only a change of state acts:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

from moto.cloudwatch.models import cloudwatch_backends
from moto.ec2.models import ec2_backends

from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud.lifecycle import LOCK
from infra.rehearsal.cloud.metrics import Metrics

COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "LessThanThreshold": operator.lt, "LessThanOrEqualToThreshold": operator.le,
    "GreaterThanThreshold": operator.gt, "GreaterThanOrEqualToThreshold": operator.ge,
}  # fmt: skip
ALARM_REASON: Final = ("Client.UserInitiatedShutdown", "A CloudWatch alarm switched the instance off")

log = logging.getLogger(__name__)


def start_without_data(alarm: Any) -> None:
    """A new alarm knows nothing yet; moto says OK."""
    alarm.state_value = "INSUFFICIENT_DATA"


def evaluate_all(metrics: Metrics, clock: Clock, account: str) -> None:
    """One look at every alarm of every region; those that change to ALARM act."""
    with LOCK:
        for alarm, ec2 in _alarms(account):
            state = judge(alarm, metrics, clock.time())
            if state != alarm.state_value:
                alarm.update_state(f"rehearsal: {state} since {clock.now():%Y-%m-%dT%H:%M:%SZ}", "{}", state)
                log.info("alarm %s: %s", alarm.name, state)
                if state == "ALARM" and alarm.actions_enabled:
                    _act(alarm, ec2)


def _alarms(account: str) -> Iterator[tuple[Any, Any]]:
    for region, backend in list(cloudwatch_backends[account].items()):
        for alarm in list(backend.alarms.values()):
            if alarm.namespace == "AWS/EC2":
                yield alarm, ec2_backends[account][region]


def judge(alarm: Any, metrics: Metrics, now: float) -> str:
    """OK, ALARM or INSUFFICIENT_DATA, from the periods since the alarm was made."""
    made = alarm.made_at
    values = metrics.periods(
        _instance_of(alarm), alarm.metric_name, since=made, until=now, period_s=float(alarm.period),
        statistic=alarm.statistic,
    )[: int(alarm.evaluation_periods)]  # fmt: skip
    known = [value for value in values if value is not None]
    if not known:
        return "INSUFFICIENT_DATA"
    breaches = COMPARISONS[alarm.comparison_operator]
    breaching = sum(breaches(value, float(alarm.threshold)) for value in known)
    if breaching >= int(alarm.datapoints_to_alarm or alarm.evaluation_periods):
        return "ALARM"
    # All that is known breaches, but it is not enough yet, or no longer: nothing has changed.
    return str(alarm.state_value) if breaching == len(known) else "OK"


def _instance_of(alarm: Any) -> str:
    return next((d.value for d in alarm.dimensions if d.name == "InstanceId"), "")


def _act(alarm: Any, ec2: Any) -> None:
    instance = next((one for one in ec2.all_instances() if one.id == _instance_of(alarm)), None)
    for action in alarm.alarm_actions:
        if instance is None or ":automate:" not in action:
            continue
        if action.endswith(":ec2:terminate"):
            ec2.begin_terminate(instance, ALARM_REASON)
        # The stop of a one-time spot instance fails in AWS too, and the alarm stays ALARM.
        elif action.endswith(":ec2:stop") and instance.lifecycle != "spot" and instance.state == "running":
            ec2.begin_stop(instance, ALARM_REASON)
