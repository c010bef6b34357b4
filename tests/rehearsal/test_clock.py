"""A rehearsal whose clock runs 3600 times faster: alarms and schedules really fire, and the guard's means work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.rehearsal import client, processes

SPEED = 3600
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
STOP = "arn:aws:automate:us-east-1:ec2:stop"


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory, begin: Callable[..., Any]) -> Iterator[Any]:
    project = tmp_path_factory.mktemp("fast")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIG_REHEARSAL_CLOCK", f"{SPEED}x")
        yield begin(project)
    client.down(project)


def alarm(fast: Any, box: Any, metric: str, comparison: str, threshold: float, **changes: Any) -> None:
    fast.client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": f"{metric}-{box.id}", "Namespace": "AWS/EC2", "MetricName": metric, "Statistic": "Maximum",
            "Dimensions": [{"Name": "InstanceId", "Value": box.id}], "Period": 300, "EvaluationPeriods": 6,
            "Threshold": threshold, "ComparisonOperator": comparison, "AlarmActions": [STOP], **changes,
        }
    )  # fmt: skip


def state_of(fast: Any, name: str) -> str:
    (found,) = fast.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found["StateValue"])


def test_the_clock_is_fast_for_everybody(fast: Any) -> None:
    box = fast.launch().ready()

    assert fast.cloud.clock.speed == SPEED
    assert abs(box.see()["LaunchTime"] - fast.cloud.clock.now()) < timedelta(hours=4)
    assert box.say("echo $RIG_REHEARSAL_CLOCK $GLUON_RIG_GUARD_SPEED") == "3600x 3600"


def test_an_idle_instance_is_stopped_by_its_alarm_and_a_working_one_is_not(fast: Any, until: Any) -> None:
    idle, busy = fast.launch().ready(), fast.launch().ready()
    busy.say("setsid sh -c 'while :; do :; done' >/dev/null 2>&1 </dev/null &")
    for box in (idle, busy):
        alarm(fast, box, "CPUUtilization", "LessThanThreshold", 3.0)
    fresh = {state_of(fast, f"CPUUtilization-{box.id}") for box in (idle, busy)}

    idle.wait("stopped")

    assert fresh <= {"INSUFFICIENT_DATA", "OK"}
    assert busy.state == "running"
    assert "CloudWatch alarm" in idle.see()["StateReason"]["Message"]
    until(lambda: state_of(fast, f"CPUUtilization-{idle.id}") == "INSUFFICIENT_DATA")
    fast.ec2.terminate_instances(InstanceIds=[busy.id])


def test_a_frozen_instance_is_stopped_by_its_status_alarm(fast: Any) -> None:
    box = fast.launch().ready()
    alarm(fast, box, "StatusCheckFailed", "GreaterThanOrEqualToThreshold", 1.0, EvaluationPeriods=3)

    client.fault(fast.project, ["hang"])

    assert box.wait("stopped").see()["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert processes.carrying(f"RIG_INSTANCE_ID={box.id}") == []


def test_a_schedule_fires_once_and_removes_itself(fast: Any, until: Any) -> None:
    box = fast.launch().ready()
    scheduler, iam = fast.client("scheduler"), fast.client("iam")
    role = iam.create_role(RoleName="deadman", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    at = fast.cloud.clock.now() + timedelta(hours=1)
    wish = {
        "Name": "off", "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})", "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": role,
                   "Input": json.dumps({"InstanceIds": [box.id]})},
    }  # fmt: skip
    stranger = {**wish["Target"], "RoleArn": role.replace("deadman", "stranger")}
    with pytest.raises(ClientError, match="execution role"):
        scheduler.create_schedule(**{**wish, "Target": stranger})

    scheduler.create_schedule(**wish)

    box.wait("stopped")
    assert fast.cloud.clock.now() > at
    until(lambda: scheduler.list_schedules()["Schedules"] == [])


def test_a_timer_starts_its_service_again_and_again(fast: Any, until: Any) -> None:
    box = fast.launch().ready()
    folder = box.folder / "root/etc/systemd/system"
    (folder / "tick.service").write_text(
        f"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo x >> {box.folder}/ticks'\n"
    )
    (folder / "tick.timer").write_text(
        "[Timer]\nOnBootSec=1min\nOnUnitInactiveSec=1min\n[Install]\nWantedBy=sysinit.target\n"
    )

    box.say("sudo systemctl enable tick.timer && sudo systemctl --no-block start tick.timer")

    until(lambda: (box.folder / "ticks").exists() and len((box.folder / "ticks").read_text().split()) >= 3)
    assert float((box.folder / "root/proc/uptime").read_text().split()[0]) > 0


def test_a_silent_service_is_killed_by_its_watchdog_and_comes_back(fast: Any, until: Any) -> None:
    box = fast.launch().ready()
    unit = (
        "[Service]\nType=notify\nWatchdogSec=60\nRestart=always\n"
        f"ExecStart=/bin/sh -c 'test -S $NOTIFY_SOCKET && echo up >> {box.folder}/ups; exec sleep 99'\n"
    )
    (box.folder / "root/etc/systemd/system/mute.service").write_text(unit)

    box.say("sudo systemctl start mute")

    until(lambda: (box.folder / "ups").exists() and (box.folder / "ups").read_text().count("up") >= 2, timeout_s=120)
