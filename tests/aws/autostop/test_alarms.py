"""Safeguard 2: what CloudWatch is asked to do, and that no machine which works is switched off by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.aws.autostop import alarms
from infra.aws.client.session import Session
from infra.guard.safeguard import Safeguard
from infra.remote.guard.agent import PULSE, PULSE_EVERY_S
from tests.aws.samples import RIG

ARMED = Safeguard(2, armed=True, note="an hour without a sign of life, or 15 minutes of failed status checks")


def stored(aws: Session) -> dict[str, dict[str, Any]]:
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in found}


def test_an_hour_without_a_sign_of_life_stops_it(aws: Session) -> None:
    quiet, _ = alarms.definitions(RIG, region="us-east-1", partition="aws", vcpus=4)

    assert quiet == {
        "AlarmName": "gluon-rig-i-0abc-no-sign-of-life",
        "AlarmDescription": "Gluon Rig: stop i-0abc when nothing computes and its guard is silent.",
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-0abc"}],
        "Statistic": "Maximum",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 3.0,
        "Period": 300,
        "EvaluationPeriods": 12,
        "DatapointsToAlarm": 12,
        "TreatMissingData": "missing",
        "ActionsEnabled": True,
        "AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"],
    }


def test_a_failed_status_check_stops_it_after_a_quarter_of_an_hour(aws: Session) -> None:
    alarms.arm(aws, RIG)
    alarm = stored(aws)["gluon-rig-i-0abc-status-check"]

    assert (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "StatusCheckFailed",
        "GreaterThanOrEqualToThreshold",
        1.0,
    )
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 15 * 60


@pytest.mark.parametrize("vcpus", [2, 4, 8, 16, 48, 96, 192])
def test_the_guards_pulse_is_always_above_the_threshold(vcpus: int) -> None:
    """So no machine whose guard lives is ever stopped by safeguard 2: a GPU job, an open session, a slow upload."""
    pulse_s = int(PULSE[PULSE.index("timeout") + 1])
    for begin_s in range(0, alarms.PERIOD_S, 10):
        in_first_period = min(pulse_s, alarms.PERIOD_S - begin_s)
        percent = 100 * max(in_first_period, pulse_s - in_first_period) / alarms.PERIOD_S / vcpus
        assert percent > alarms.idle_threshold_percent(vcpus)
    # Two pulses in the time the alarm looks at: one may fail.
    assert 2 * PULSE_EVERY_S <= alarms.PERIOD_S * alarms.QUIET_PERIODS


def test_the_threshold_follows_the_processors_of_the_type(aws: Session) -> None:
    alarms.arm(aws, replace(RIG, type="g5.48xlarge"))

    assert stored(aws)["gluon-rig-i-0abc-no-sign-of-life"]["Threshold"] == pytest.approx(25 / 192)


def test_without_an_answer_about_the_type_the_threshold_is_the_lowest(
    aws: Session, answer: Callable[..., None]
) -> None:
    answer(aws, "ec2", "DescribeInstanceTypes", code="UnauthorizedOperation")
    alarms.arm(aws, RIG)

    assert stored(aws)["gluon-rig-i-0abc-no-sign-of-life"]["Threshold"] == pytest.approx(25 / 192)


def test_one_time_spot_is_terminated_as_it_cannot_be_stopped(aws: Session) -> None:
    alarms.arm(aws, replace(RIG, spot=True))

    assert {action for alarm in stored(aws).values() for action in alarm["AlarmActions"]} == {
        "arn:aws:automate:us-east-1:ec2:terminate"
    }


def test_each_start_makes_them_anew(aws: Session, calls: list[str]) -> None:
    """An alarm acts only when its state changes; one that stands in ALARM from last time would never fire."""
    alarms.arm(aws, RIG)
    calls.clear()
    safeguard = alarms.arm(aws, RIG)

    assert safeguard == ARMED
    assert [call for call in calls if call.startswith("cloudwatch")] == [
        "cloudwatch:DeleteAlarms",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:PutMetricAlarm",
    ]


def test_a_missing_permission_is_said_and_does_not_fail_the_launch(aws: Session, answer: Callable[..., None]) -> None:
    answer(aws, "cloudwatch", "PutMetricAlarm", code="AccessDenied")
    safeguard = alarms.arm(aws, RIG)

    assert not safeguard.armed
    assert safeguard.note.startswith(
        "Cannot set the alarms of safeguard 2: your AWS user may not do cloudwatch:PutMetricAlarm"
    )


def test_status_tells_what_really_stands(aws: Session) -> None:
    absent = alarms.read_safeguard(aws, RIG)
    alarms.arm(aws, RIG)
    armed = alarms.read_safeguard(aws, RIG)
    aws.client("cloudwatch").set_alarm_state(
        AlarmName="gluon-rig-i-0abc-no-sign-of-life", StateValue="ALARM", StateReason="it fired"
    )
    fired = alarms.read_safeguard(aws, RIG)
    alarms.disarm(aws, RIG.id)

    assert absent == Safeguard(
        2, armed=False, note="absent: gluon-rig-i-0abc-no-sign-of-life, gluon-rig-i-0abc-status-check"
    )
    assert armed == ARMED
    assert fired == Safeguard(
        2, armed=False, note="cannot fire (again) before the next start: gluon-rig-i-0abc-no-sign-of-life"
    )
    assert stored(aws) == {}


def test_taking_off_what_is_not_there_is_nothing_to_do(aws: Session) -> None:
    alarms.disarm(aws, RIG.id)

    assert stored(aws) == {}
