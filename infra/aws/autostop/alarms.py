"""Safeguard 2: two CloudWatch alarms whose action switches the instance off, though nothing on it works any more.

CloudWatch sees no GPU, no login and no Docker, only how busy the processors are. So the guard gives it a sign of life:
now and then, for a few minutes, it keeps one processor busy at the lowest priority (`program.watch.PULSE`). An hour
below the threshold means that the guard is dead and nothing computes; a job that works on the GPU alone, an open
session, a slow upload are all covered by the guard's pulse. docs/decisions/0002-pulse.md has the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance
from infra.errors import AwsFailed, NotAllowed
from infra.guard.safeguard import ALARMS, Safeguard
from infra.names import KIT

PERIOD_S: Final = 300  # EC2 measures every five minutes unless detailed monitoring is paid for
QUIET_PERIODS: Final = 12
MOST_ALARMS: Final = 100  # of one question
FAILED_PERIODS: Final = 3
MOST_VCPUS: Final = 192  # of the types the kit launches; taken when AWS does not say
WAITS_FOR: Final = "an hour without a sign of life, or 15 minutes of failed status checks"
# An alarm acts when its state changes, so one that already stands in ALARM has fired and does not fire again.
SPENT: Final = "ALARM"


def names(instance_id: str) -> tuple[str, str]:
    return f"{KIT}-{instance_id}-no-sign-of-life", f"{KIT}-{instance_id}-status-check"


def idle_threshold_percent(vcpus: int) -> float:
    """Below a quarter of one processor, and never above what an idle system needs by itself on a small machine.

    The pulse fills 180 s of one processor: of the two periods it may straddle one gets 90 s, 30 % of a processor.
    """
    return min(3.0, 25 / vcpus)


def definitions(instance: Instance, *, region: str, partition: str, vcpus: int) -> tuple[dict[str, Any], ...]:
    """PutMetricAlarm's arguments, both alarms. One-time spot cannot be stopped, only terminated.

    Missing data stay missing: of a stopped machine there are none, and `breaching` would keep the alarm in ALARM,
    where it cannot fire again.
    """
    verb = "terminate" if instance.spot else "stop"
    shared = {
        "Namespace": "AWS/EC2",
        "Dimensions": [{"Name": "InstanceId", "Value": instance.id}],
        "Statistic": "Maximum",
        "Period": PERIOD_S,
        "TreatMissingData": "missing",
        "ActionsEnabled": True,
        "AlarmActions": [f"arn:{partition}:automate:{region}:ec2:{verb}"],
    }
    quiet, failed = names(instance.id)
    return (
        {
            **shared,
            "AlarmName": quiet,
            "AlarmDescription": f"Gluon Rig: {verb} {instance.id} when nothing computes and its guard is silent.",
            "MetricName": "CPUUtilization",
            "ComparisonOperator": "LessThanThreshold",
            "Threshold": idle_threshold_percent(vcpus),
            "EvaluationPeriods": QUIET_PERIODS,
            "DatapointsToAlarm": QUIET_PERIODS,
        },
        {
            **shared,
            "AlarmName": failed,
            "AlarmDescription": f"Gluon Rig: {verb} {instance.id} when EC2 finds it broken.",
            "MetricName": "StatusCheckFailed",
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": 1.0,
            "EvaluationPeriods": FAILED_PERIODS,
            "DatapointsToAlarm": FAILED_PERIODS,
        },
    )


def arm(session: Session, instance: Instance) -> Safeguard:
    """Make both alarms anew, at every start: only a fresh one is sure to change its state again.

    A missing permission does not fail the launch; the safeguard says that it is not armed.
    """
    try:
        disarm(session, instance.id)
        cloudwatch = session.client("cloudwatch")
        wanted = definitions(
            instance,
            region=session.region,
            partition=cloudwatch.meta.partition,
            vcpus=_vcpus(session, instance.type),
        )
        with session.translated("set the alarms of safeguard 2"):
            for definition in wanted:
                cloudwatch.put_metric_alarm(**definition)
    except (NotAllowed, AwsFailed) as error:
        return Safeguard(ALARMS, armed=False, note=error.cause)
    return Safeguard(ALARMS, armed=True, note=WAITS_FOR)


def read_safeguard(session: Session, instance: Instance) -> Safeguard:
    """What the alarms are now."""
    return read_each(session, [instance])[0]


def read_each(session: Session, instances: Sequence[Instance]) -> list[Safeguard]:
    """The same of each of *instances*, a hundred alarms at a time."""
    try:
        found = read_all(session, instances)
    except (NotAllowed, AwsFailed) as error:
        return [Safeguard(ALARMS, armed=False, note=error.cause) for _ in instances]
    return [_judge(found, one) for one in instances]


def read_all(session: Session, instances: Sequence[Instance]) -> dict[str, Mapping[str, Any]]:
    """The alarms that there are of *instances*, by their names. Raises what AWS refuses."""
    wanted = [name for one in instances for name in names(one.id)]
    found: dict[str, Mapping[str, Any]] = {}
    with session.translated("read the alarms of safeguard 2"):
        for start in range(0, len(wanted), MOST_ALARMS):
            some = wanted[start : start + MOST_ALARMS]
            answer = session.client("cloudwatch").describe_alarms(AlarmNames=some, MaxRecords=MOST_ALARMS)
            found.update({alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"]})
    return found


def _judge(known: Mapping[str, Mapping[str, Any]], instance: Instance) -> Safeguard:
    found = {name: known[name] for name in names(instance.id) if name in known}
    absent = [name for name in names(instance.id) if name not in found]
    if absent:
        return Safeguard(ALARMS, armed=False, note="absent: " + ", ".join(absent))
    spent = [name for name, alarm in found.items() if alarm["StateValue"] == SPENT or not alarm["ActionsEnabled"]]
    if spent:
        return Safeguard(ALARMS, armed=False, note="cannot fire (again) before the next start: " + ", ".join(spent))
    return Safeguard(ALARMS, armed=True, note=WAITS_FOR)


def disarm(session: Session, instance_id: str) -> None:
    """Remove both alarms. Nothing to remove is fine."""
    cloudwatch = session.client("cloudwatch")
    try:
        with session.translated("remove the alarms of safeguard 2"):
            cloudwatch.delete_alarms(AlarmNames=list(names(instance_id)))
    except AwsFailed as error:
        if error.code not in ("ResourceNotFound", "ResourceNotFoundException"):
            raise


def _vcpus(session: Session, machine_type: str) -> int:
    """Without an answer the largest number: the lowest threshold, which stops no machine that works."""
    try:
        with session.translated(f"look up {machine_type}"):
            types = session.client("ec2").describe_instance_types(InstanceTypes=[machine_type])["InstanceTypes"]
    except (NotAllowed, AwsFailed):
        return MOST_VCPUS
    return int(types[0]["VCpuInfo"]["DefaultVCpus"]) if types else MOST_VCPUS
