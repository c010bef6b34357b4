"""Safeguard 3, the wall-clock cap that needs nothing of the instance, and all safeguards moving together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from infra.aws.autostop import safeguards, schedule
from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, find
from infra.errors import AwsFailed, NotAllowed
from infra.guard.safeguard import Safeguard
from tests.aws.pretend_account import DLAMI
from tests.aws.samples import RIG

DEADLINE = datetime(2026, 11, 20, 18, 0, 0, 999, tzinfo=timezone.utc)
FIRES = datetime(2026, 11, 20, 18, 10, 0, tzinfo=timezone.utc)
LATER = timedelta(hours=2)


@pytest.fixture
def role(aws: Session) -> str:
    return schedule.setup_guard(aws).arn


@pytest.fixture
def rig(aws: Session) -> Instance:
    """A real (pretend) instance, with the tags of a launch."""
    tags = {
        "gluon-rig:owner": "gluon-rig",
        "gluon-rig:name": "rig",
        "gluon-rig:deadline": "2026-11-20T18:00:00Z",
        "gluon-rig:idle-minutes": "20",
    }
    aws.client("ec2").run_instances(
        ImageId=DLAMI,
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    found = find(aws, "rig")
    assert found
    return found


def stored(aws: Session, instance: Instance = RIG) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("scheduler").get_schedule(Name=schedule.name(instance.id))
    return found


def test_it_stops_the_instance_ten_minutes_past_the_deadline_and_then_removes_itself(aws: Session, role: str) -> None:
    assert schedule.arm(aws, RIG, DEADLINE) == Safeguard(3, armed=True, fires_at=FIRES)
    found = stored(aws)

    assert found["ScheduleExpression"] == "at(2026-11-20T18:10:00)"
    assert (found["ScheduleExpressionTimezone"], found["FlexibleTimeWindow"]) == ("UTC", {"Mode": "OFF"})
    assert (found["State"], found["ActionAfterCompletion"]) == ("ENABLED", "DELETE")
    assert found["Target"] == {
        "Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances",
        "RoleArn": role,
        "Input": '{"InstanceIds": ["i-0abc"]}',
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 20},
    }


def test_one_time_spot_is_terminated_as_it_cannot_be_stopped(aws: Session, role: str) -> None:
    schedule.arm(aws, replace(RIG, spot=True), DEADLINE)

    assert stored(aws)["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"


def test_a_deadline_in_another_zone_is_the_same_moment(aws: Session, role: str) -> None:
    there = DEADLINE.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert schedule.arm(aws, RIG, there).fires_at == FIRES
    assert schedule.read_safeguard(aws, RIG).fires_at == FIRES


def test_arming_again_moves_the_one_there_is(aws: Session, role: str) -> None:
    schedule.arm(aws, RIG, DEADLINE)
    schedule.arm(aws, RIG, DEADLINE + LATER)

    assert schedule.read_safeguard(aws, RIG) == Safeguard(3, armed=True, fires_at=FIRES + LATER)
    assert len(aws.client("scheduler").list_schedules()["Schedules"]) == 1


def test_without_the_role_it_is_not_armed_and_says_what_makes_it(aws: Session) -> None:
    assert schedule.arm(aws, RIG, DEADLINE) == Safeguard(
        3, armed=False, note="needs a role that does not exist yet: `rig setup-guard` makes it, once per account"
    )


def test_where_roles_may_not_be_read_the_known_name_is_tried(aws: Session, answer: Callable[..., None]) -> None:
    answer(aws, "iam", "GetRole", code="AccessDenied")
    schedule.arm(aws, RIG, DEADLINE)

    assert stored(aws)["Target"]["RoleArn"] == "arn:aws:iam::123456789012:role/gluon-rig-deadman"


def test_a_missing_permission_is_said_and_does_not_fail_the_launch(
    aws: Session, role: str, answer: Callable[..., None]
) -> None:
    answer(aws, "scheduler", "CreateSchedule", code="AccessDeniedException")
    safeguard = schedule.arm(aws, RIG, DEADLINE)

    assert not safeguard.armed
    assert "may not do scheduler:CreateSchedule" in safeguard.note


def test_a_schedule_that_cannot_be_moved_is_told_with_the_time_at_which_it_still_fires(
    aws: Session, role: str, answer: Callable[..., None]
) -> None:
    schedule.arm(aws, RIG, DEADLINE)
    answer(aws, "scheduler", "UpdateSchedule", code="AccessDeniedException")
    safeguard = schedule.arm(aws, RIG, DEADLINE + LATER)

    assert (safeguard.armed, safeguard.fires_at) == (True, FIRES)
    assert safeguard.note.startswith("still stands at its EARLIER time: Cannot set the schedule of safeguard 3")


def test_a_role_made_later_holds_what_runs_already(aws: Session, rig: Instance) -> None:
    schedule.arm(aws, rig, DEADLINE)
    assert schedule.read_safeguard(aws, rig).note == schedule.NO_ROLE

    schedule.setup_guard(aws)

    assert schedule.read_safeguard(aws, rig).note == schedule.NO_SCHEDULE
    assert [(one.id, safeguard.armed) for one, safeguard in schedule.arm_all(aws)] == [(rig.id, True)]
    assert schedule.read_safeguard(aws, rig).armed


def test_status_tells_what_really_stands(aws: Session, role: str) -> None:
    assert schedule.read_safeguard(aws, RIG) == Safeguard(3, armed=False, note=schedule.NO_SCHEDULE)
    schedule.arm(aws, RIG, DEADLINE)
    schedule.disarm(aws, RIG.id)
    schedule.disarm(aws, RIG.id)

    assert not schedule.read_safeguard(aws, RIG).armed


def test_setting_up_twice_puts_the_role_right(aws: Session) -> None:
    first = schedule.setup_guard(aws)
    iam = aws.client("iam")
    iam.update_assume_role_policy(
        RoleName=schedule.ROLE, PolicyDocument=json.dumps(schedule.trust_policy("999999999999"))
    )
    again = schedule.setup_guard(aws)

    assert (first.created, again.created) == (True, False)
    assert iam.get_role(RoleName=schedule.ROLE)["Role"]["AssumeRolePolicyDocument"] == again.trust
    assert iam.get_role_policy(RoleName=schedule.ROLE, PolicyName=schedule.POLICY)["PolicyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["ec2:StopInstances", "ec2:TerminateInstances"],
                "Resource": "arn:aws:ec2:*:123456789012:instance/*",
                "Condition": {"StringEquals": {"ec2:ResourceTag/gluon-rig:owner": "gluon-rig"}},
            }
        ],
    }


def test_only_the_scheduler_of_this_account_may_take_the_role() -> None:
    assert schedule.trust_policy("123456789012")["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        }
    ]


def test_the_role_can_be_taken_away_and_taking_it_twice_is_nothing_to_do(aws: Session, role: str) -> None:
    schedule.remove_role(aws)
    schedule.remove_role(aws)

    assert aws.client("iam").list_roles()["Roles"] == []


class TestAllSafeguards:
    def test_a_start_arms_them(self, aws: Session, role: str, rig: Instance) -> None:
        armed = safeguards.arm(aws, rig, DEADLINE)

        assert [(safeguard.number, safeguard.armed, safeguard.fires_at) for safeguard in armed] == [
            (1, True, DEADLINE),
            (2, True, None),
            (3, True, FIRES),
        ]
        assert [safeguard.armed for safeguard in safeguards.read_safeguards(aws, rig)] == [True, True, True]

    def test_extending_moves_every_deadline(self, aws: Session, role: str, rig: Instance) -> None:
        safeguards.arm(aws, rig, DEADLINE)
        safeguards.extend(aws, rig, DEADLINE + LATER)
        moved = find(aws, "rig")

        assert moved
        assert moved.tags["gluon-rig:deadline"] == "2026-11-20T20:00:00Z"
        assert [safeguard.fires_at for safeguard in safeguards.read_safeguards(aws, moved)] == [
            datetime(2026, 11, 20, 20, 0, 0, tzinfo=timezone.utc),
            None,
            FIRES + LATER,
        ]

    def test_an_extension_whose_tag_cannot_be_written_has_moved_nothing(
        self, aws: Session, role: str, rig: Instance, answer: Callable[..., None]
    ) -> None:
        safeguards.arm(aws, rig, DEADLINE)
        answer(aws, "ec2", "CreateTags", code="UnauthorizedOperation")

        with pytest.raises(NotAllowed):
            safeguards.extend(aws, rig, DEADLINE + LATER)
        assert schedule.read_safeguard(aws, rig).fires_at == FIRES

    def test_one_ring_that_cannot_be_armed_leaves_the_others(
        self, aws: Session, role: str, rig: Instance, answer: Callable[..., None]
    ) -> None:
        answer(aws, "cloudwatch", "PutMetricAlarm", code="InternalServiceFault")

        assert [safeguard.armed for safeguard in safeguards.arm(aws, rig, DEADLINE)] == [True, False, True]

    def test_taking_them_off_tells_what_stayed(
        self, aws: Session, role: str, rig: Instance, answer: Callable[..., None]
    ) -> None:
        safeguards.arm(aws, rig, DEADLINE)
        answer(aws, "cloudwatch", "DeleteAlarms", code="AccessDenied")
        stayed = safeguards.disarm(aws, rig.id)

        assert len(stayed) == 1
        assert stayed[0].startswith("Cannot remove the alarms of safeguard 2")
        assert not schedule.read_safeguard(aws, rig).armed

    def test_an_instance_without_a_deadline_is_said_to_have_none(self, aws: Session, rig: Instance) -> None:
        assert safeguards.read_safeguards(aws, replace(rig, tags={}))[0] == Safeguard(
            1, armed=False, note="no deadline tag that can be read; `rig extend --by 1h` sets one"
        )

    def test_errors_that_are_no_refusal_of_one_ring_are_not_swallowed(
        self, aws: Session, answer: Callable[..., None]
    ) -> None:
        answer(aws, "iam", "CreateRole", code="LimitExceeded")

        with pytest.raises(AwsFailed):
            schedule.setup_guard(aws)
