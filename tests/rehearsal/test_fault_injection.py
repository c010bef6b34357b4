"""Faults on demand, and what AWS refuses: quota, capacity, wrong launches."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.errors import UserError
from infra.rehearsal import client, processes


@pytest.fixture(autouse=True)
def well(rehearsal: Any) -> Iterator[None]:
    yield
    client.fault(rehearsal.project, ["clear"])


def refusal(call: Any, **wish: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call(**wish)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ImageId": "ami-00000000"}, "InvalidAMIID.NotFound"),
        ({"UserData": "x" * 16385}, "InvalidParameterValue"),
        ({"InstanceType": "g5g.xlarge"}, "InvalidParameterValue"),
        ({"InstanceType": "p2.xlarge"}, "InvalidInstanceType"),
        ({"Placement": {"AvailabilityZone": "us-east-1e"}}, "Unsupported"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 34}}]},
            "InvalidBlockDeviceMapping",
        ),
    ],
)
def test_a_launch_that_ec2_refuses_is_refused_with_and_without_dry_run(rehearsal: Any, change: Any, code: str) -> None:
    for dry_run in (True, False):
        assert refusal(rehearsal.ec2.run_instances, **rehearsal.wish(**change, DryRun=dry_run)) == (code, 400)


def test_the_quota_counts_what_runs_and_a_dry_run_says_nothing_of_it(rehearsal: Any, box: Any) -> None:
    quotas = rehearsal.client("service-quotas")
    client.fault(rehearsal.project, ["quota", "6"])

    granted = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-DB2E81BA")["Quota"]["Value"]
    usual = quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode="L-DB2E81BA")["Quota"]["Value"]

    assert (granted, usual) == (6.0, 0.0)
    assert refusal(rehearsal.ec2.run_instances, **rehearsal.wish()) == ("VcpuLimitExceeded", 400)
    assert refusal(rehearsal.ec2.run_instances, **rehearsal.wish(DryRun=True)) == ("DryRunOperation", 412)
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}, "InstanceType": "g4dn.2xlarge"}
    assert refusal(rehearsal.ec2.run_instances, **rehearsal.wish(**spot)) == ("MaxSpotInstanceCountExceeded", 400)


def test_capacity_is_short_where_it_was_said_and_an_unpinned_launch_goes_elsewhere(rehearsal: Any) -> None:
    client.fault(rehearsal.project, ["capacity", "--zone", "us-east-1a", "--type", "g4dn.xlarge"])
    pinned = {"Placement": {"AvailabilityZone": "us-east-1a"}}

    assert refusal(rehearsal.ec2.run_instances, **rehearsal.wish(**pinned)) == ("InsufficientInstanceCapacity", 500)
    other = rehearsal.launch()
    assert other.see()["Placement"]["AvailabilityZone"] == "us-east-1b"
    client.fault(rehearsal.project, ["capacity"])
    assert refusal(rehearsal.ec2.run_instances, **rehearsal.wish()) == ("InsufficientInstanceCapacity", 500)

    other.wait("running")
    rehearsal.ec2.stop_instances(InstanceIds=[other.id])
    other.wait("stopped")
    assert refusal(rehearsal.ec2.start_instances, InstanceIds=[other.id]) == ("InsufficientInstanceCapacity", 500)
    rehearsal.ec2.terminate_instances(InstanceIds=[other.id])


def test_throttling_refuses_with_each_service_s_own_code(rehearsal: Any) -> None:
    client.fault(rehearsal.project, ["throttle", "1"])

    assert refusal(rehearsal.ec2.describe_instances) == ("RequestLimitExceeded", 503)
    assert refusal(rehearsal.client("ssm").get_parameter, Name="/x") == ("ThrottlingException", 400)


def test_spot_is_announced_taken_back_and_never_stopped(rehearsal: Any, until: Any) -> None:
    box = rehearsal.launch(InstanceMarketOptions={"MarketType": "spot"}).ready()
    assert box.metadata("spot/instance-action") == (404, "")

    client.fault(rehearsal.project, ["spot-notice"])

    status, notice = box.metadata("spot/instance-action")
    assert (status, json.loads(notice)["action"]) == (200, "terminate")
    assert refusal(rehearsal.ec2.stop_instances, InstanceIds=[box.id]) == ("UnsupportedOperation", 400)
    assert box.see()["SpotInstanceRequestId"].startswith("sir-")
    found = rehearsal.ec2.describe_instances(Filters=[{"Name": "instance-lifecycle", "Values": ["spot"]}])
    assert [one["InstanceId"] for r in found["Reservations"] for one in r["Instances"]] == [box.id]
    rehearsal.ec2.terminate_instances(InstanceIds=[box.id])


def test_the_price_list_and_the_spot_prices_make_sense(rehearsal: Any) -> None:
    fields = {"instanceType": "g4dn.xlarge", "regionCode": "us-east-1", "operatingSystem": "Linux", "tenancy": "Shared"}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    (listed,) = rehearsal.client("pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
    (term,) = json.loads(listed)["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()

    spot = rehearsal.ec2.describe_spot_price_history(InstanceTypes=["g4dn.xlarge"])["SpotPriceHistory"]

    assert float(dimension["pricePerUnit"]["USD"]) == 0.526
    assert [row["AvailabilityZone"][-1] for row in spot] == ["a", "b", "c", "d", "f"]
    assert all(0.1 < float(row["SpotPrice"]) / 0.526 < 0.5 for row in spot)


def test_a_group_in_use_cannot_be_deleted(rehearsal: Any) -> None:
    group = rehearsal.ec2.create_security_group(GroupName="in-use", Description="x")["GroupId"]
    box = rehearsal.launch(SecurityGroupIds=[group])

    assert refusal(rehearsal.ec2.delete_security_group, GroupId=group) == ("DependencyViolation", 400)
    rehearsal.ec2.terminate_instances(InstanceIds=[box.id])
    box.wait("terminated")
    rehearsal.ec2.delete_security_group(GroupId=group)


def test_a_hanging_instance_answers_nobody_until_it_is_well_again(rehearsal: Any, until: Any) -> None:
    box = rehearsal.launch().ready()
    working = subprocess.Popen([*box.ssh_words(), "ubuntu@127.0.0.1", "sleep 0.5; echo done"], stdout=subprocess.PIPE)
    until(lambda: processes.carrying(f"RIG_INSTANCE_ID={box.id}"))

    client.fault(rehearsal.project, ["hang"])

    with pytest.raises(subprocess.TimeoutExpired):
        working.wait(1.5)
    assert box.state == "running"
    client.fault(rehearsal.project, ["clear"])
    assert working.communicate(timeout=300)[0] == b"done\n"
    rehearsal.ec2.terminate_instances(InstanceIds=[box.id])


def test_dropped_lines_end_the_client_and_spare_what_is_detached(rehearsal: Any, box: Any, until: Any) -> None:
    box.say("docker run -d --name rig-drop any:tag sleep 60")
    following = subprocess.Popen([*box.ssh_words(), "ubuntu@127.0.0.1", "echo on; docker logs -f rig-drop"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
    assert following.stdout
    assert following.stdout.readline() == b"on\n"

    client.fault(rehearsal.project, ["drop-ssh"])

    assert following.wait(10) == 255
    assert box.say("docker inspect --format '{{.State.Running}}' rig-drop") == "true"
    box.say("docker rm -f rig-drop")


def test_a_slow_line_is_slow(rehearsal: Any, box: Any) -> None:
    client.fault(rehearsal.project, ["slow", "200ms"])
    began = time.monotonic()

    assert box.say("echo there") == "there"

    assert time.monotonic() - began > 1.0  # an SSH connection takes at least five round trips


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ") or not processes.LINUX, reason="a full disk is played on Linux only")
def test_a_full_disk_takes_no_more_bytes(rehearsal: Any, box: Any, until: Any) -> None:
    client.fault(rehearsal.project, ["disk-full"])

    write = 'python3 -c \'import pathlib; pathlib.Path("more").write_text("bytes")\''

    # A command that began in the same moment may still slip through: its shell is limited just after its birth.
    until(lambda: b"File too large" in box.ssh(write).stderr)
    client.fault(rehearsal.project, ["clear"])

    assert box.ssh(write).returncode == 0


def test_a_gpu_of_paper_comes_and_goes(rehearsal: Any, box: Any, tmp_path: Any) -> None:
    (tmp_path / "smi").write_text("Tesla T4\n")

    client.fault(rehearsal.project, ["nvidia-smi", str(tmp_path / "smi")])
    assert box.say("nvidia-smi --query-gpu=name") == "Tesla T4"
    client.fault(rehearsal.project, ["nvidia-smi", "off"])

    assert box.ssh("command -v nvidia-smi | grep -q rehearsal").returncode == 1


@pytest.mark.parametrize("words", [["capacitee"], ["throttle", "much"], ["capacity", "--zone"], []])
def test_words_that_are_no_fault_are_explained(rehearsal: Any, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        client.fault(rehearsal.project, words)

    assert ":" in refused.value.hint


def test_every_call_is_in_the_journal(rehearsal: Any) -> None:
    rehearsal.ec2.describe_key_pairs()

    rows = [json.loads(line) for line in (rehearsal.project / ".rig/rehearsal/calls.jsonl").read_text().splitlines()]

    last = rows[-1]
    assert (last["service"], last["operation"], last["region"], last["status"]) == (
        "ec2", "DescribeKeyPairs", "us-east-1", 200,
    )  # fmt: skip
    assert last["began"] <= last["ended"]
