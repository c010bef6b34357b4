from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.account.cost import COUNTED, THIS_START, UNKNOWN, Disk, RunCost, cost_of, instance_costs, run_cost
from infra.aws.client.tags import own_tags, specification
from infra.aws.instances.instance import Instance
from infra.aws.offers.prices import rates
from infra.budget import HourlyCost
from tests.aws.pretend_account import DLAMI
from tests.aws.responses import ok

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=timezone.utc)
CREATED = NOW - timedelta(hours=730)
HALF_A_DOLLAR = HourlyCost(usd_instance_per_hour=0.5, usd_disk_per_month=0.0, usd_address_per_hour=0.0)
DISK = Disk(gib=100, created=CREATED)


def instance(state="running", up=timedelta(hours=2)):
    return Instance(
        id="i-1",
        state=state,
        type="g4dn.xlarge",
        zone="us-east-1a",
        launched_at=NOW - up,
        image_id="ami-1",
    )


def cost(one, minutes):
    return cost_of(one, DISK, minutes=minutes, price=HALF_A_DOLLAR, rates=rates("us-east-1"), now=NOW)


def test_minutes_of_all_starts_are_paid_at_the_promised_price_and_the_rest_is_disk():
    """A month old, ten hours up: ten hours at the full price, 720 hours of a 100 GiB disk."""
    found = cost(instance(state="stopped"), minutes=600)

    assert (found.running_s, found.how) == (36_000, COUNTED)
    assert found.usd_running == pytest.approx(5.0)
    assert found.usd_stopped == pytest.approx(8.0 * 720 / 730)
    assert found.usd == found.usd_running + found.usd_stopped


def test_without_cloudwatch_only_this_start_is_known_and_said():
    found = cost(instance(), minutes=None)

    assert (found.running_s, found.usd_running, found.how) == (7200, pytest.approx(1.0), THIS_START)


def test_a_count_that_lags_never_says_less_than_this_start():
    assert cost(instance(), minutes=60).running_s == 7200


@pytest.mark.parametrize("minutes", [None, 0])
def test_a_stopped_machine_without_records_is_unknown_and_not_free(minutes):
    found = cost(instance(state="stopped"), minutes)

    assert (found.running_s, found.how) == (None, UNKNOWN)
    assert found.usd_stopped == pytest.approx(8.0)


def test_an_instance_whose_price_nobody_knows_says_so_and_is_not_called_free():
    found = cost_of(instance(), DISK, minutes=None, price=None, rates=rates("us-east-1"), now=NOW)

    assert found.how == f"{THIS_START}; nobody knows the price of g4dn.xlarge"


@given(
    minutes=st.none() | st.integers(0, 100_000), up_h=st.integers(0, 730), state=st.sampled_from(["running", "stopped"])
)
def test_a_cost_is_never_negative_and_never_above_running_all_the_time(minutes, up_h, state):
    found = cost(instance(state, timedelta(hours=up_h)), minutes)

    assert found.usd_running >= 0
    assert found.usd_stopped >= 0
    assert found.usd_stopped <= 8.0


def test_costs_are_asked_of_ec2_and_cloudwatch(aws, calls):
    def statistics(params, **_):
        return ok({"Datapoints": [{"SampleCount": 1440.0}, {"SampleCount": 60.0}]})

    aws.events.register("before-call.cloudwatch.GetMetricStatistics", statistics)
    made = aws.client("ec2").run_instances(
        ImageId=DLAMI,
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 60}}],
        TagSpecifications=specification(["instance"], own_tags("rig")),
    )
    calls.clear()

    (found,) = instance_costs(aws)

    assert (found.id, found.name) == (made["Instances"][0]["InstanceId"], "rig")
    assert found.usd_running == pytest.approx(25 * (0.526 + 60 * 0.08 / (28 * 24) + 0.005))
    assert calls == [
        "ec2:DescribeInstances",
        "ec2:DescribeVolumes",
        "pricing:GetProducts",
        "cloudwatch:GetMetricStatistics",
    ]


def test_no_rig_costs_nothing(aws):
    assert instance_costs(aws) == []


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (
            {"seconds": 1800.0, "usd_per_hour": 0.54, "instance_type": "g4dn.xlarge"},
            RunCost("r", "g4dn.xlarge", 1800.0, 0.27),
        ),
        ({"seconds": 1800.0}, RunCost("r", "", 1800.0, None)),
        (
            {"seconds": 900.0, "seconds_before": 900.0, "usd_per_hour": 0.54, "pretended": True},
            RunCost("r", "", 1800.0, 0.27, pretended=True),
        ),
        ({}, RunCost("r", "", 0.0, None)),
        ({"seconds": "all day", "usd_per_hour": [1], "instance_type": None}, RunCost("r", "None", 0.0, None)),
        ({"seconds": float("nan"), "usd_per_hour": float("inf")}, RunCost("r", "", 0.0, None)),
    ],
)
def test_a_run_costs_its_time_at_the_price_it_was_told(ending, expected):
    assert run_cost("r", ending) == expected


def test_what_a_pretended_run_cost_is_said_as_what_it_would_be():
    assert RunCost("r", "g5.xlarge", 3600.0, 0.0307, pretended=True).said == "would be $0.0307"
    assert RunCost("r", "g5.xlarge", 3600.0, 0.0307).said == "$0.0307"
    assert RunCost("r", "", 3600.0, None).said == "-"
