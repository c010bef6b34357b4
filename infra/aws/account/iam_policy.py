"""The least that an AWS user needs for the kit, as IAM policies. Pure: `rig iam-policy` prints what is here.

`tests/aws/account/test_iam_policy.py` holds the policies equal to the calls in the code: nothing missing, nothing
too much.
Which action knows which condition: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from infra.aws.autostop.schedule import ROLE
from infra.names import KIT, OWNER_TAG

# A constant value: ${aws:username} is empty for roles and single sign-on.
ASKED_FOR: Final = {"StringEquals": {f"aws:RequestTag/{OWNER_TAG}": KIT}}
OURS: Final = {"StringEquals": {f"aws:ResourceTag/{OWNER_TAG}": KIT}}
ROLE_ARN: Final = f"arn:aws:iam::*:role/{ROLE}"
# Services whose IAM prefix is not the name that the SDK has for them.
PREFIXES: Final[Mapping[str, str]] = {"service-quotas": "servicequotas"}
# Actions that stand in no call: AWS asks for them on the way. The value is the call that needs them.
ASKED_BY_AWS: Final[Mapping[str, str]] = {
    "iam:PassRole": "scheduler:CreateSchedule",
    "iam:CreateServiceLinkedRole": "cloudwatch:PutMetricAlarm",
    "iam:TagRole": "iam:CreateRole",
    # Docker pulls with the password it was given, and so with the rights of the user it was given to.
    "ecr:BatchGetImage": "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer": "ecr:GetAuthorizationToken",
}
# AWS lets everybody ask who they are: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
FREE: Final = frozenset({"sts:GetCallerIdentity"})


def policy() -> dict[str, Any]:
    """What the daily commands need. Things of others can be looked at, and neither changed nor removed."""
    return _document(
        _look(), _images(), _launch(), _launch_from(), *_create(), *_bake(), _mark(), _own(), _pull(), *_guards()
    )


def setup_policy() -> dict[str, Any]:
    """What `rig setup-guard` needs, once per account: the role that lets EventBridge switch our instances off."""
    actions = ("CreateRole", "DeleteRole", "DeleteRolePolicy", "PutRolePolicy", "TagRole", "UpdateAssumeRolePolicy")
    return _document(_allow("SetUpSafeguard3", "iam", actions, resource=ROLE_ARN))


def actions(document: Mapping[str, Any]) -> set[str]:
    """Every action that *document* allows."""
    return {action for statement in document["Statement"] for action in statement["Action"]}


def action_of(call: str) -> str:
    """The IAM action of one SDK call: "service-quotas:GetServiceQuota" -> "servicequotas:GetServiceQuota"."""
    service, operation = call.split(":")
    return f"{PREFIXES.get(service, service)}:{operation}"


def _look() -> dict[str, Any]:
    statement = _allow(
        "Look",
        "ec2",
        (
            "DescribeAddresses",
            "DescribeImages",
            "DescribeInstanceTypeOfferings",
            "DescribeInstanceTypes",
            "DescribeInstances",
            "DescribeKeyPairs",
            "DescribePlacementGroups",
            "DescribeRegions",
            "DescribeSecurityGroups",
            "DescribeSnapshots",
            "DescribeSpotPriceHistory",
            "DescribeSubnets",
            "DescribeVolumes",
            "DescribeVpcs",
        ),
    )
    statement["Action"] += [
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricStatistics",
        "ecr:GetAuthorizationToken",
        "pricing:GetProducts",
        "scheduler:ListSchedules",
        "servicequotas:GetAWSDefaultServiceQuota",
        "servicequotas:GetServiceQuota",
    ]
    return statement


def _images() -> dict[str, Any]:
    parameters = "arn:aws:ssm:*::parameter/aws/service/deeplearning/ami/*"
    return _allow("FindImages", "ssm", ("GetParameters",), resource=parameters)


def _launch() -> dict[str, Any]:
    """Whatever costs money is made with our tag, or not at all."""
    made = ("instance", "network-interface", "spot-instances-request", "volume")
    return _allow("Launch", "ec2", ("RunInstances",), resource=_ec2(*made), condition=ASKED_FOR)


def _launch_from() -> dict[str, Any]:
    used = ("image", "key-pair", "placement-group", "security-group", "snapshot", "subnet")
    return _allow("LaunchFrom", "ec2", ("RunInstances",), resource=_ec2(*used))


def _create() -> list[dict[str, Any]]:
    made = _ec2("key-pair", "placement-group", "security-group")
    calls = ("CreatePlacementGroup", "CreateSecurityGroup", "ImportKeyPair")
    return [
        _allow("Create", "ec2", calls, resource=made, condition=ASKED_FOR),
        _allow("CreateIn", "ec2", ("CreateSecurityGroup",), resource=_ec2("vpc")),
    ]


def _bake() -> list[dict[str, Any]]:
    """An image is made of our instances alone, and carries our tag, with its snapshot, from the same call on."""
    return [
        _allow("BakeOf", "ec2", ("CreateImage",), resource=_ec2("instance"), condition=OURS),
        _allow("BakeInto", "ec2", ("CreateImage",), resource=_ec2("image", "snapshot"), condition=ASKED_FOR),
    ]


def _mark() -> dict[str, Any]:
    making = {
        "StringEquals": {
            "ec2:CreateAction": [
                *("RunInstances", "CreateSecurityGroup", "ImportKeyPair", "CreateImage", "CreatePlacementGroup"),
            ]
        }
    }
    return _allow("Mark", "ec2", ("CreateTags",), resource=_ec2("*"), condition=making)


def _own() -> dict[str, Any]:
    return _allow(
        "Own",
        "ec2",
        (
            "AuthorizeSecurityGroupIngress",
            "CreateTags",
            "DeleteKeyPair",
            "DeletePlacementGroup",
            "DeleteSecurityGroup",
            "DeleteSnapshot",
            "DeleteVolume",
            "DeregisterImage",
            "GetConsoleOutput",
            "ReleaseAddress",
            "RevokeSecurityGroupIngress",
            "StartInstances",
            "StopInstances",
            "TerminateInstances",
        ),
        resource=_ec2("*"),
        condition=OURS,
    )


def _pull() -> dict[str, Any]:
    """REGISTRY=: reading images, with a registry's own rules still in force."""
    return _allow("Pull", "ecr", ("BatchGetImage", "GetDownloadUrlForLayer"), resource="arn:aws:ecr:*:*:repository/*")


def _guards() -> list[dict[str, Any]]:
    """Safeguards 2 and 3. Both are known by their names; the alarms' own role is made by AWS at the first alarm."""
    alarms = f"arn:aws:cloudwatch:*:*:alarm:{KIT}-*"
    schedules = f"arn:aws:scheduler:*:*:schedule/default/{KIT}-*"
    aws_own = {"StringEquals": {"iam:AWSServiceName": ["events.amazonaws.com", "spot.amazonaws.com"]}}
    to_scheduler = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    to_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    return [
        _allow("Safeguard2", "cloudwatch", ("DeleteAlarms", "PutMetricAlarm"), resource=alarms),
        _allow(
            "Safeguard3",
            "scheduler",
            ("CreateSchedule", "DeleteSchedule", "GetSchedule", "UpdateSchedule"),
            resource=schedules,
        ),
        _allow("Safeguard3Role", "iam", ("GetRole",), resource=ROLE_ARN),
        _allow("Safeguard3Use", "iam", ("PassRole",), resource=ROLE_ARN, condition=to_scheduler),
        # INSTANCE_PROFILE=: roles of that name only, or anybody's role could be borrowed through an instance.
        _allow("Lend", "iam", ("PassRole",), resource=f"arn:aws:iam::*:role/{KIT}-*", condition=to_ec2),
        _allow(
            "AwsOwnRoles",
            "iam",
            ("CreateServiceLinkedRole",),
            resource="arn:aws:iam::*:role/aws-service-role/*",
            condition=aws_own,
        ),
    ]


def _allow(
    sid: str,
    service: str,
    names: tuple[str, ...],
    *,
    resource: str | list[str] = "*",
    condition: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"{service}:{name}" for name in names],
        "Resource": resource,
    }
    return {**statement, "Condition": dict(condition)} if condition else statement


def _ec2(*kinds: str) -> list[str]:
    return [f"arn:aws:ec2:*:*:{kind}/*" for kind in kinds]


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
