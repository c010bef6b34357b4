"""What the rehearsal remembers in moto's place changes no answer."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import responses
from moto.core.serialize import XFormedAttributePicker
from moto.core.utils import method_names_from_class
from moto.ec2.responses import EC2Response

from infra.rehearsal.cloud import answering
from tests.aws.conftest import moto_as_strict_as_ec2

EC2 = ("instances", "volumes", "images", "subnets", "security_groups", "key_pairs", "instance_status", "tags")
QUESTIONS = {
    "ec2": [f"describe_{name}" for name in EC2],
    "cloudwatch": ["describe_alarms"],
    "iam": ["list_roles"],
    "sts": ["get_caller_identity"],
}


def test_an_answer_is_the_one_that_moto_gives_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    moto_as_strict_as_ec2(monkeypatch)
    picker: Any = XFormedAttributePicker
    with mock_aws():
        session: Any = boto3.Session("testing", "testing", region_name="us-east-1")
        clients = {service: session.client(service) for service in QUESTIONS}

        def ask() -> list[Any]:
            every = [getattr(clients[service], verb)() for service, verbs in QUESTIONS.items() for verb in verbs]
            return [{**answer, "ResponseMetadata": None} for answer in every]

        clients["ec2"].create_key_pair(KeyName="mine")
        image = clients["ec2"].describe_images()["Images"][0]["ImageId"]
        clients["ec2"].run_instances(
            ImageId=image, MinCount=2, MaxCount=2, KeyName="mine", InstanceType="t3.micro",
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "one"}]}],
        )  # fmt: skip
        remembered = [ask(), ask()]
        monkeypatch.setattr(picker, "get_possible_keys", picker.get_possible_keys.__wrapped__)
        monkeypatch.setattr(responses, "method_names_from_class", method_names_from_class)

        assert remembered == [ask(), ask()]


def test_a_verb_is_known_by_the_method_of_its_name() -> None:
    names = method_names_from_class(EC2Response)
    verbs = answering.Verbs(EC2Response)

    assert len(names) > 200
    assert all(name in verbs for name in names)
    assert not any(name in verbs for name in ("describe_nothing", "ec2_backend", "__doc__"))
