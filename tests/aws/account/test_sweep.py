import itertools

import pytest
from botocore.exceptions import ClientError

from infra.aws.account.resources import KINDS, Resource
from infra.aws.account.sweep import find, remove
from infra.aws.client.account import Account
from infra.aws.client.tags import own_tags, specification
from infra.errors import NotAllowed
from tests.aws.pretend_account import DLAMI
from tests.aws.samples import forget_ended
from tests.sizes import tried

HERE, THERE = "us-east-1", "us-west-2"
REGIONS = (HERE, THERE)
OURS = own_tags("rig")


def litter(aws, region, tags=OURS, prefix="gluon-rig-"):
    """One of every kind, as a crash could leave it."""
    ec2, scheduler, cloudwatch = (aws.client(name, region=region) for name in ("ec2", "scheduler", "cloudwatch"))

    def marked(kind):
        return specification([kind], tags)

    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = ec2.run_instances(
        ImageId=DLAMI,
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=specification(["instance", "volume"], tags),
    )
    ec2.create_image(
        InstanceId=made["Instances"][0]["InstanceId"],
        Name=f"{prefix}base",
        TagSpecifications=marked("image"),
    )
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    volume = ec2.create_volume(Size=100, AvailabilityZone=zone, TagSpecifications=marked("volume"))["VolumeId"]
    ec2.create_snapshot(VolumeId=volume, TagSpecifications=marked("snapshot"))
    ec2.allocate_address(Domain="vpc", TagSpecifications=marked("elastic-ip"))
    ec2.create_security_group(
        GroupName=f"{prefix}rig", Description="x", VpcId=vpc, TagSpecifications=marked("security-group")
    )
    ec2.create_placement_group(
        GroupName=f"{prefix}rig", Strategy="cluster", TagSpecifications=marked("placement-group")
    )
    ec2.create_key_pair(KeyName=f"{prefix}rig", TagSpecifications=marked("key-pair"))
    cloudwatch.put_metric_alarm(
        AlarmName=f"{prefix}rig-idle",
        MetricName="CPUUtilization",
        Namespace="AWS/EC2",
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=12,
        Threshold=5,
        ComparisonOperator="LessThanThreshold",
    )
    scheduler.create_schedule(
        Name=f"{prefix}rig-deadline",
        ScheduleExpression="at(2030-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": "arn:aws:iam::123456789012:role/x"},
    )


def kinds(found):
    return sorted({resource.kind for resource in found.resources})


def test_an_account_without_a_rig_has_nothing(aws):
    found = find(aws, regions=REGIONS)

    assert (found.resources, found.usd_per_month, found.unseen) == ((), 0, {})


def test_every_kind_is_found_in_every_region_with_its_price(aws):
    litter(aws, THERE)

    found = find(aws, regions=REGIONS)

    assert kinds(found) == sorted(kind.name for kind in KINDS)
    assert {resource.region for resource in found.resources} == {THERE}
    priced = {(resource.kind, resource.note.split(",")[0]): resource.usd_per_month for resource in found.resources}
    assert priced["instance", "g4dn.xlarge"] == pytest.approx((0.526 + 0.005) * 730, abs=0.01)
    assert priced["volume", "100 GiB"] == 8.0
    assert priced["snapshot", "100 GiB at most"] == 5.0
    assert found.resources[0].kind == "instance"


def test_a_stopped_machine_costs_its_disk_only(aws):
    litter(aws, HERE)
    ec2 = aws.client("ec2")
    (machine,) = [resource for resource in find(aws, regions=[HERE]).resources if resource.kind == "instance"]
    ec2.stop_instances(InstanceIds=[machine.id])

    (machine,) = [resource for resource in find(aws, regions=[HERE]).resources if resource.kind == "instance"]

    assert (machine.note, machine.usd_per_month) == ("g4dn.xlarge, stopped", 0.0)


def test_removing_takes_ours_and_nothing_else(aws, tell, clock):
    litter(aws, HERE)
    litter(aws, HERE, tags={"Name": "theirs"}, prefix="theirs-")
    before = everything(aws, HERE)
    ours = find(aws, regions=REGIONS)

    left = remove(Account(aws, tell, clock), ours.resources)

    assert left == []
    assert find(aws, regions=REGIONS).resources == ()
    theirs = everything(aws, HERE)
    assert before - theirs == {resource.id for resource in ours.resources}


def everything(aws, region):
    """Every id in the region, whoever owns it."""
    ec2 = aws.client("ec2", region=region)
    instances = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    return {
        *(i["InstanceId"] for i in instances if i["State"]["Name"] != "terminated"),
        *(v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]),
        *(s["SnapshotId"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]),
        *(i["ImageId"] for i in ec2.describe_images(Owners=["self"])["Images"]),
        *(a["AllocationId"] for a in ec2.describe_addresses()["Addresses"]),
        *(g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]),
        *(g["GroupName"] for g in ec2.describe_placement_groups()["PlacementGroups"]),
        *(k["KeyName"] for k in ec2.describe_key_pairs()["KeyPairs"]),
        *(a["AlarmName"] for a in aws.client("cloudwatch", region=region).describe_alarms()["MetricAlarms"]),
        *(s["Name"] for s in aws.client("scheduler", region=region).list_schedules()["Schedules"]),
    }


def test_machines_go_first_and_guards_last(aws, tell, clock, calls):
    """Killed half-way, what costs most is gone, and what stops a forgotten machine is still there."""
    litter(aws, HERE)
    resources = find(aws, regions=[HERE]).resources
    calls.clear()

    remove(Account(aws, tell, clock), resources)

    removals = [call for call in calls if "Describe" not in call]
    assert removals[0] == "ec2:TerminateInstances"
    assert removals[-2:] == ["scheduler:DeleteSchedule", "cloudwatch:DeleteAlarms"]


@pytest.mark.timeout(60)
def test_killed_at_any_call_the_next_sweep_finishes(aws, tell, clock, reaper):
    """SIGKILL before and after each of the 12 calls of a removal: 24 deaths."""
    for after in (False, True):
        for at in itertools.count(1):
            litter(aws, HERE)
            resources = find(aws, regions=[HERE]).resources
            with reaper.strike(at, after=after):
                remove(Account(aws, tell, clock), resources)
            remove(Account(aws, tell, clock), find(aws, regions=[HERE]).resources)
            assert find(aws, regions=[HERE]).resources == (), f"killed at call {at}"
            forget_ended()
            if not reaper.dead:
                break
            tried()
    assert len(reaper.calls) == 12


def test_what_is_gone_already_is_no_error(aws, tell, clock):
    ghosts = [
        Resource("instance", HERE, "i-0123456789abcdef0", "rig", "", 1.0),
        Resource("volume", HERE, "vol-0123456789abcdef0", "rig", "", 1.0),
        Resource("address", HERE, "eipalloc-0123456789abcdef0", "rig", "", 1.0),
        Resource("image", HERE, "ami-0123456789abcdef0", "rig", "", 0.0),
        Resource("snapshot", HERE, "snap-0123456789abcdef0", "rig", "", 1.0),
        Resource("security group", HERE, "sg-0123456789abcdef0", "rig", "", 0.0),
        Resource("schedule", HERE, "gluon-rig-none", "rig", "", 0.0),
    ]

    assert remove(Account(aws, tell, clock), ghosts) == []


def test_a_group_still_in_use_is_waited_for(aws, tell, clock, answer):
    litter(aws, HERE)
    answer(aws, "ec2", "DeleteSecurityGroup", code="DependencyViolation", times=3)

    assert remove(Account(aws, tell, clock), find(aws, regions=[HERE]).resources) == []


def test_what_cannot_be_removed_is_named_and_the_rest_goes(aws, tell, clock, answer):
    litter(aws, HERE)
    answer(aws, "ec2", "DeleteVolume", code="UnauthorizedOperation")

    left = remove(Account(aws, tell, clock), find(aws, regions=[HERE]).resources)

    assert {one.resource.kind for one in left} == {"volume"}
    assert all("your AWS user may not do ec2:DeleteVolume" in one.reason for one in left)
    assert kinds(find(aws, regions=[HERE])) == ["volume"]


def test_where_nobody_could_look_is_said(aws):
    """A region or a service that is shut may still hold something that costs money."""
    aws.client("ec2", region=THERE).meta.events.register("before-call.ec2.DescribeVolumes", forbidden)

    found = find(aws, regions=REGIONS)

    assert set(found.unseen) == {f"{THERE}, volume"}


def test_not_being_allowed_to_look_anywhere_is_an_error(aws, answer):
    answer(aws, "ec2", "DescribeRegions", code="UnauthorizedOperation")

    with pytest.raises(NotAllowed):
        find(aws)


def forbidden(**_):
    raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "DescribeVolumes")
