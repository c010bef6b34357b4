from __future__ import annotations

from datetime import datetime, timezone

from infra.aws.client.account import Account
from infra.aws.client.tags import own_tags
from infra.aws.instances.instance import (
    Instance,
    find,
    find_all,
    list_instances,
    nodes_of,
    parse_instance,
    write_tags,
)
from infra.aws.instances.lifecycle import terminate
from infra.names import DEADLINE_TAG, HOST_KEY_TAG, SSH_PORT_TAG
from tests.aws import samples
from tests.aws.samples import NAME

BORN = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


def one(number: int, *, state: str = "running", minute: int = 0) -> Instance:
    born = BORN.replace(minute=minute)
    return Instance(
        id=f"i-{number}", state=state, type="t3.micro", zone="us-east-1a", launched_at=born, image_id="ami-1"
    )


def test_an_instance_is_what_ec2_says_in_our_words():
    answer = {
        "InstanceId": "i-1",
        "ImageId": "ami-1",
        "InstanceType": "g4dn.xlarge",
        "InstanceLifecycle": "spot",
        "KeyName": "gluon-rig-rig-1",
        "LaunchTime": BORN,
        "ClientToken": "abc",
        "Placement": {"AvailabilityZone": "us-east-1b"},
        "PublicIpAddress": "203.0.113.9",
        "RootDeviceName": "/dev/xvda",
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "x"}],
        "State": {"Code": 16, "Name": "running"},
        "StateReason": {"Code": "Server.X", "Message": "Server.X: because"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-1"}}],
        "Tags": [{"Key": "gluon-rig:name", "Value": "rig"}],
    }

    assert parse_instance(answer) == Instance(
        id="i-1",
        state="running",
        type="g4dn.xlarge",
        zone="us-east-1b",
        address="203.0.113.9",
        launched_at=BORN,
        image_id="ami-1",
        key_name="gluon-rig-rig-1",
        group_ids=("sg-1",),
        volume_ids=("vol-1",),
        root_device="/dev/xvda",
        spot=True,
        tags={"gluon-rig:name": "rig"},
        token="abc",
        state_reason="Server.X: because",
    )


def test_the_tags_say_name_port_deadline_and_host_key(aws, clock):
    write_tags(aws, samples.launch(aws, clock), {SSH_PORT_TAG: "2201", HOST_KEY_TAG: "ssh-ed25519 AAAA"})

    rig = find(aws, NAME)

    assert (rig.name, rig.port, rig.user, rig.host_key) == (NAME, 2201, "ubuntu", "ssh-ed25519 AAAA")
    assert rig.deadline == datetime(2026, 11, 20, 20, tzinfo=timezone.utc)


def test_without_tags_ssh_is_on_its_usual_port_and_there_is_no_deadline():
    assert (one(1).port, one(1).deadline, one(1).host_key) == (22, None, "")


def test_the_oldest_that_has_not_ended_is_elected_whatever_the_order():
    crowd = [one(3, minute=2), one(9, state="terminated"), one(2, state="stopped", minute=1), one(4, minute=1)]

    assert nodes_of(crowd) == nodes_of(reversed(crowd)) == (one(2, state="stopped", minute=1),)
    assert nodes_of([one(1, state="shutting-down")]) == ()


def test_terminated_instances_are_seen_and_not_found(aws, clock, tell):
    gone = terminate(Account(aws, tell, clock), samples.launch(aws, clock))

    assert find(aws, NAME) is None
    assert list_instances(aws, NAME) == (gone,)
    assert find_all(aws) == []


def test_all_rigs_of_the_region_are_found_and_nothing_else(aws, clock):
    rig = samples.launch(aws, clock)
    ec2 = aws.client("ec2")
    asked = {"ImageId": rig.image_id, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
    ec2.run_instances(**asked)
    tags = [{"Key": key, "Value": value} for key, value in own_tags("another").items()]
    ec2.run_instances(**asked, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])

    assert [found.name for found in find_all(aws)] == ["another", NAME]
    assert find_all(aws, region="eu-west-1") == []


def test_a_deadline_in_either_spelling_of_utc_is_the_same_moment():
    spellings = ["2026-11-20T20:00:00Z", "2026-11-20T20:00:00+00:00"]

    moments = {Instance(**{**vars(one(1)), "tags": {DEADLINE_TAG: text}}).deadline for text in spellings}

    assert moments == {datetime(2026, 11, 20, 20, tzinfo=timezone.utc)}
