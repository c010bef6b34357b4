"""Several instances in one order: all or none, in one zone, in a placement group, stopped together or not at all."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.errors import UserError
from infra.rehearsal import client
from infra.rehearsal.instance.network import LOOPBACK, Network
from infra.rehearsal.paths import path_with_system
from tests.rehearsal.conftest import Box

THREE = {"InstanceType": "t3.micro", "MinCount": 3, "MaxCount": 3}


@pytest.fixture(autouse=True)
def well(rehearsal: Any) -> Iterator[None]:
    yield
    client.fault(rehearsal.project, ["clear"])
    ids = [one["InstanceId"] for one in alive(rehearsal)]
    if ids:
        rehearsal.ec2.terminate_instances(InstanceIds=ids)


def alive(rehearsal: Any) -> list[dict[str, Any]]:
    """The t3.micro, which no other test of this folder launches for long."""
    wanted = [
        {"Name": "instance-type", "Values": ["t3.micro", "c5.large"]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    rows = rehearsal.ec2.describe_instances(Filters=wanted)["Reservations"]
    return [one for row in rows for one in row["Instances"]]


def order(rehearsal: Any, **changes: Any) -> list[dict[str, Any]]:
    return list(rehearsal.ec2.run_instances(**rehearsal.wish(**{**THREE, **changes}))["Instances"])


def code_of(call: Any, **wish: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**wish)
    return str(refused.value.response["Error"]["Code"])


def test_an_order_of_three_stands_in_one_zone_numbered_and_each_boots_by_itself(rehearsal: Any, until: Any) -> None:
    made = order(rehearsal)

    assert [one["AmiLaunchIndex"] for one in made] == [0, 1, 2]
    assert len({one["Placement"]["AvailabilityZone"] for one in made}) == 1
    until(lambda: [one["State"]["Name"] for one in alive(rehearsal)] == ["running"] * 3)
    assert len({tag["Value"] for one in alive(rehearsal) for tag in one["Tags"] if tag["Key"].endswith("port")}) == 3


def test_of_two_free_machines_an_order_of_three_gets_none(rehearsal: Any, until: Any) -> None:
    client.fault(rehearsal.project, ["capacity", "--free", "2"])

    assert code_of(order, rehearsal=rehearsal) == "InsufficientInstanceCapacity"
    assert alive(rehearsal) == []
    assert len(order(rehearsal, MinCount=2, MaxCount=2)) == 2
    assert code_of(order, rehearsal=rehearsal, MinCount=1, MaxCount=1) == "InsufficientInstanceCapacity"


def test_one_that_is_gone_keeps_all_of_a_call_from_being_stopped_a_schedule_s_too(rehearsal: Any, until: Any) -> None:
    ids = [one["InstanceId"] for one in order(rehearsal)]
    until(lambda: [one["State"]["Name"] for one in alive(rehearsal)] == ["running"] * 3)
    rehearsal.ec2.terminate_instances(InstanceIds=ids[1:2])
    trust = {"Statement": [{"Principal": {"Service": "scheduler.amazonaws.com"}}]}
    role = rehearsal.client("iam").create_role(RoleName="several", AssumeRolePolicyDocument=json.dumps(trust))["Role"]

    assert code_of(rehearsal.ec2.stop_instances, InstanceIds=ids) == "IncorrectInstanceState"
    scheduler, past = rehearsal.client("scheduler"), datetime.now(timezone.utc) - timedelta(seconds=5)
    for name, among in (("all", ids), ("one", ids[:1])):
        scheduler.create_schedule(
            Name=name, ScheduleExpression=past.strftime("at(%Y-%m-%dT%H:%M:%S)"), FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE", ScheduleExpressionTimezone="UTC",
            Target={"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": role["Arn"],
                    "Input": json.dumps({"InstanceIds": among})},
        )  # fmt: skip

    until(lambda: {one["InstanceId"]: one["State"]["Name"] for one in alive(rehearsal)}[ids[0]] == "stopped")
    assert [one["State"]["Name"] for one in alive(rehearsal) if one["InstanceId"] == ids[2]] == ["running"]


def test_a_placement_group_takes_what_fits_is_found_by_its_tag_and_stays_while_it_is_used(
    rehearsal: Any, until: Any
) -> None:
    ec2, place = rehearsal.ec2, {"Placement": {"GroupName": "close"}}
    tags = [{"ResourceType": "placement-group", "Tags": [{"Key": "mine", "Value": "yes"}]}]
    assert code_of(order, rehearsal=rehearsal, **place) == "InvalidPlacementGroup.Unknown"
    ec2.create_placement_group(GroupName="close", Strategy="cluster", TagSpecifications=tags)

    assert code_of(ec2.create_placement_group, GroupName="close") == "InvalidPlacementGroup.Duplicate"
    assert code_of(order, rehearsal=rehearsal, **place) == "InvalidParameterCombination", "t3 stands in none"
    (one,) = order(rehearsal, InstanceType="c5.large", MinCount=1, MaxCount=1, **place)
    assert one["Placement"]["GroupName"] == "close"
    (found,) = ec2.describe_placement_groups(Filters=[{"Name": "tag:mine", "Values": ["yes"]}])["PlacementGroups"]
    assert (found["GroupName"], found["Strategy"], found["State"]) == ("close", "cluster", "available")
    assert ec2.describe_placement_groups(Filters=[{"Name": "tag:mine", "Values": ["no"]}])["PlacementGroups"] == []
    assert code_of(ec2.delete_placement_group, GroupName="close") == "InvalidPlacementGroup.InUse"
    ec2.terminate_instances(InstanceIds=[one["InstanceId"]])
    until(lambda: alive(rehearsal) == [])
    until(lambda: code_of_delete(ec2) == "")
    assert code_of(ec2.delete_placement_group, GroupName="close") == "InvalidPlacementGroup.Unknown"


def code_of_delete(ec2: Any) -> str:
    try:
        ec2.delete_placement_group(GroupName="close")
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


ECHO = "import socket,sys; s=socket.create_server(('', 29999)); c=s.accept()[0]; c.sendall(c.recv(9)); c.close()"
CALL = (
    "import socket,sys,time\n"
    "for _ in range(100):\n"
    "    try: s=socket.create_connection((sys.argv[1], 29999), 1); break\n"
    "    except OSError: time.sleep(0.1)\n"
    "else: sys.exit('no answer')\n"
    "s.sendall(b'hello'); print(s.recv(9).decode(), s.getsockname()[0])"
)


# Only root of Linux may give a machine a network of its own; elsewhere a rehearsal does without (Network._can).
needs_network = pytest.mark.skipif(
    sys.platform != "linux"
    or os.geteuid() != 0
    or not all(shutil.which(one, path=path_with_system()) for one in ("ip", "tc")),
    reason="Linux, root, ip and tc: sudo apt install iproute2",
)


@needs_network
def test_a_network_is_made_and_slowed_also_where_PATH_has_no_sbin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    network = Network(tmp_path, {})
    try:
        addresses = network.join(["i-1", "i-2"])
        slowed = network.slow("5mbit")
    finally:
        network.clear()

    if set(addresses.values()) == {LOOPBACK}:
        # A container's root, by its capabilities; the product falls back to one address then, which is what was found.
        pytest.skip("this root may make no network namespace")
    assert (addresses, slowed) == ({"i-1": "10.77.0.1", "i-2": "10.77.0.2"}, 2)


@needs_network
def test_machines_of_a_group_reach_each_other_by_their_own_addresses_until_the_line_is_cut(
    rehearsal: Any, until: Any
) -> None:
    ids = [one["InstanceId"] for one in order(rehearsal, MinCount=2, MaxCount=2)]
    first, second = (Box(rehearsal, one).ready() for one in ids)
    addresses = [one.see()["PrivateIpAddress"] for one in (first, second)]
    assert all(address.startswith("10.77.0.") for address in addresses)
    own = ["--network", "host", "--name"]

    def run(box: Box, name: str, *words: str) -> Any:
        return box.ssh(shlex.join(["docker", "run", *own, name, "image", *words]))

    first.say(shlex.join(["docker", "run", "--detach", *own, "echo", "image", "python3", "-c", ECHO]))
    done = run(second, "call", "python3", "-c", CALL, addresses[0])
    assert done.stdout.decode().split() == ["hello", addresses[1]]

    numbers = [address.rpartition(".")[2] for address in addresses]
    client.fault(rehearsal.project, ["net-slow", "5mbit"])
    client.fault(rehearsal.project, ["net-cut", numbers[0]])
    first.say(shlex.join(["docker", "run", "--detach", *own, "echo2", "image", "python3", "-c", ECHO]))
    call = CALL.replace("range(100)", "range(3)")
    assert run(second, "call2", "python3", "-c", call, addresses[0]).returncode == 1
    client.fault(rehearsal.project, ["clear"])
    assert run(second, "call3", "python3", "-c", CALL, addresses[0]).stdout.decode().split()[0] == "hello"
    with pytest.raises(UserError, match="is no fault"):
        client.fault(rehearsal.project, ["net-cut", "99"])
