from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.session import Session as Botocore
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as some

from infra.aws.instances.launch_request import Attempt, attempts, client_token, run_instances_words
from infra.names import DEADLINE_TAG, RESULTS_FETCHED_TAG
from tests.aws.samples import IMAGE, launch_request, offer

T4 = offer("g4dn.xlarge", "us-east-1b", "us-east-1a")
SPOT = offer("g4dn.xlarge", "us-east-1a", spot=True)
OFFER_TAGS = {one: {RESULTS_FETCHED_TAG: "yes"} for one in (T4, SPOT)}
WANTED = launch_request(key_name="gluon-rig-rig-1", offers=(T4, SPOT), offer_tags=OFFER_TAGS)
TAGS = [
    {"Key": "gluon-rig:owner", "Value": "gluon-rig"},
    {"Key": "gluon-rig:name", "Value": "rig"},
    {"Key": "Name", "Value": "gluon-rig-rig"},
    {"Key": DEADLINE_TAG, "Value": "2026-11-20T20:00:00Z"},
    {"Key": RESULTS_FETCHED_TAG, "Value": "yes"},
]
ON_DEMAND_WORDS = {
    "ImageId": IMAGE.id,
    "InstanceType": "g4dn.xlarge",
    "MinCount": 1,
    "MaxCount": 1,
    "ClientToken": "token",
    "KeyName": "gluon-rig-rig-1",
    "SecurityGroupIds": ["sg-1"],
    "UserData": b"#cloud-boothook\n",
    "BlockDeviceMappings": [
        {
            "DeviceName": "/dev/sda1",
            "Ebs": {"VolumeSize": 60, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
        }
    ],
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled"},
    "TagSpecifications": [
        {"ResourceType": "instance", "Tags": TAGS},
        {"ResourceType": "volume", "Tags": TAGS},
        {"ResourceType": "network-interface", "Tags": TAGS},
    ],
    "InstanceInitiatedShutdownBehavior": "stop",
}


def test_an_on_demand_request_in_full():
    assert run_instances_words(WANTED, Attempt(T4), "token") == ON_DEMAND_WORDS


def test_a_role_for_the_bucket_is_given_at_birth():
    lent = replace(WANTED, instance_profile="gluon-rig-results")

    assert run_instances_words(lent, Attempt(T4), "token") == {
        **ON_DEMAND_WORDS,
        "IamInstanceProfile": {"Name": "gluon-rig-results"},
    }


def test_a_pinned_spot_request_differs_only_where_spot_does():
    """Power-off ends it, because EC2 cannot stop it; never persistent, never with a price limit."""
    assert run_instances_words(WANTED, Attempt(SPOT, "us-east-1a"), "token") == {
        **ON_DEMAND_WORDS,
        "TagSpecifications": [
            *ON_DEMAND_WORDS["TagSpecifications"],
            {"ResourceType": "spot-instances-request", "Tags": TAGS},
        ],
        "InstanceInitiatedShutdownBehavior": "terminate",
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "InstanceMarketOptions": {
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
        },
    }


def test_a_burstable_machine_slows_down_instead_of_billing_more():
    assert run_instances_words(WANTED, Attempt(offer("t3.micro")), "token") == {
        **ON_DEMAND_WORDS,
        "InstanceType": "t3.micro",
        "TagSpecifications": [
            {**kind, "Tags": [tag for tag in TAGS if tag["Key"] != RESULTS_FETCHED_TAG]}
            for kind in ON_DEMAND_WORDS["TagSpecifications"]
        ],
        "CreditSpecification": {"CpuCredits": "standard"},
    }


@pytest.mark.parametrize(("asked", "got"), [(10, 35), (35, 35), (100, 100)])
def test_the_disk_is_at_least_what_the_image_needs(asked, got):
    words = run_instances_words(launch_request(disk_gib=asked), Attempt(T4), "token")

    assert words["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == got


def test_the_disk_is_the_images_own_device():
    """Another device name would be a second disk, paid for and empty."""
    words = run_instances_words(launch_request(image=replace(IMAGE, root_device="/dev/xvda")), Attempt(T4), "token")

    assert words["BlockDeviceMappings"][0]["DeviceName"] == "/dev/xvda"


def test_ec2s_own_model_accepts_every_request():
    shape = Botocore().get_service_model("ec2").operation_model("RunInstances").input_shape

    for attempt in attempts(replace(WANTED, offers=(T4, SPOT, offer("t3.micro")))):
        # botocore turns the user data into text before it looks at the rest.
        words = {**run_instances_words(WANTED, attempt, "token"), "UserData": ""}
        assert ParamValidator().validate(words, shape).generate_report() == ""


def test_attempts_go_unpinned_then_by_zone_then_to_the_next_offer():
    assert [str(attempt) for attempt in attempts(WANTED)] == [
        "g4dn.xlarge in any zone",
        "g4dn.xlarge in us-east-1b",
        "g4dn.xlarge in us-east-1a",
        "g4dn.xlarge (spot) in any zone",
        "g4dn.xlarge (spot) in us-east-1a",
    ]


def test_a_token_is_the_same_in_every_process():
    """Python's own hash() would not be. A new deadline or disk does not change it: that is how the rig is found."""
    later = launch_request(tags={DEADLINE_TAG: "2026-11-21T20:00:00Z"}, disk_gib=99, key_name="another laptop's")

    assert client_token(launch_request(), Attempt(T4), 0) == "371af05a0b09bb4f7bea96b3c083bd81"
    assert client_token(later, Attempt(T4), 0) == client_token(launch_request(), Attempt(T4), 0)


words = some.text(some.characters(codec="ascii", exclude_characters="\n"), max_size=8)
questions = some.tuples(words, words, words, words, some.booleans(), some.integers(0, 9))


@given(questions, questions)
def test_different_questions_have_different_tokens_that_ec2_accepts(one, other):
    """At most 64 ASCII characters: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html"""

    def token(name, group, kind, zone, spot, generation):
        return client_token(
            launch_request(name=name, group_id=group), Attempt(offer(kind, spot=spot), zone), generation
        )

    assert (token(*one) == token(*other)) == (one == other)
    assert token(*one).isalnum()
    assert len(token(*one)) <= 64
