import pytest

from infra.aws.offers.offers import find_offers
from infra.errors import AwsFailed, TypeRefused
from infra.settings import Settings
from tests.aws.responses import price_list, spot_prices

EAST = ("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1f")


def summary(found):
    return [(c.machine.name, c.region, c.price.usd_per_hour, c.zones) for c in found]


def test_named_types_are_tried_in_the_order_given(aws, tell):
    price_list(aws, {("us-east-1", "g6.xlarge"): 0.81})

    found = find_offers(aws, Settings(type=("g6.xlarge", "g4dn.xlarge")), tell=tell)

    assert summary(found) == [("g6.xlarge", "us-east-1", 0.81, EAST), ("g4dn.xlarge", "us-east-1", 0.526, EAST)]


def test_the_one_cent_practice_box_passes(aws, tell):
    (box,) = find_offers(aws, Settings(type=("t3.micro",)), tell=tell)

    assert (box.machine.gpu, box.price.usd_per_hour) == (None, 0.0104)


def test_one_type_costs_three_calls_side_by_side(aws, tell, calls):
    price_list(aws, {})
    find_offers(aws, Settings(), tell=tell)

    assert sorted(calls) == ["ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes", "pricing:GetProducts"]


def test_every_wrong_type_is_reported_in_one_go(aws, tell):
    with pytest.raises(TypeRefused) as raised:
        find_offers(aws, Settings(type=("g4dn.xlrge", "p5.48xlarge", "g4dn.xlarge", "t4g.micro")), tell=tell)

    assert str(raised.value) == (
        "EC2 offers no type g4dn.xlrge in us-east-1; p5.48xlarge comes with GPUs of compute capability 9.0 (H100); "
        "mxnet-cu117 1.9.1 has code for 5.0, 6.0, 7.0, 8.0, 8.6 only; "
        "t4g.micro has arm64 processors; MXNet's wheels are for x86_64. Nothing was started.\n"
        "  -> instead of g4dn.xlrge: g4dn.xlarge, g4dn.8xlarge, g4dn.4xlarge\n"
        "  -> instead of p5.48xlarge: p4de.24xlarge (8 x A100 80 GiB, about $27.45/h), "
        "g6e.48xlarge (8 x L40S 44.7 GiB, about $30.13/h), g6.48xlarge (8 x L4 22.4 GiB, about $13.35/h)\n"
        "  -> instead of t4g.micro: t3a.micro (about $0.0094/h), t3.micro (about $0.0104/h), "
        "t3a.small (about $0.0188/h)"
    )


def test_a_type_without_a_price_is_not_launched(aws, tell):
    """The most this can cost would be unknown."""
    with pytest.raises(TypeRefused, match=r"nobody knows the price of m5zn\.large"):
        find_offers(aws, Settings(type=("m5zn.large",)), tell=tell)


@pytest.mark.parametrize(
    ("gpu_mem", "gpus", "names"),
    [
        (16, 1, ["g4dn.xlarge", "g4dn.2xlarge", "g6.xlarge"]),
        (20, 1, ["g6.xlarge", "g6.2xlarge", "g5.xlarge"]),
        (40, 1, ["g6e.xlarge", "g6e.2xlarge", "g6e.4xlarge"]),
        (16, 4, ["g4dn.12xlarge", "g6.12xlarge", "g5.12xlarge"]),
        (80, 8, ["p4de.24xlarge"]),
    ],
)
def test_the_cheapest_that_fit_are_chosen(aws, tell, gpu_mem, gpus, names):
    found = find_offers(aws, Settings(gpu_mem=gpu_mem, gpus=gpus), tell=tell)

    assert [c.machine.name for c in found] == names
    assert all(c.zones for c in found)


def test_a_wish_nothing_fulfils_is_refused_with_a_way_out(aws, tell):
    with pytest.raises(TypeRefused) as raised:
        find_offers(aws, Settings(gpu_mem=100), tell=tell)

    assert str(raised.value) == (
        "No type in us-east-1 has 1 GPU(s) of 100 GiB that MXNet can use.\n"
        "  -> ask for less: GPU_MEM, GPUS\n"
        "  -> or look in all regions: ANY_REGION=1"
    )


@pytest.fixture
def three_regions(aws):
    """moto has all of them; asking it about each takes its time."""

    def hook(parsed, **_):
        parsed["Regions"] = [{"RegionName": name} for name in ("eu-west-1", "us-east-1", "us-east-2")]

    aws.events.register("after-call.ec2.DescribeRegions", hook)


@pytest.mark.usefixtures("three_regions")
def test_another_region_wins_when_it_is_cheaper(aws, tell):
    price_list(aws, {("us-east-1", "g4dn.xlarge"): 0.526, ("us-east-2", "g4dn.xlarge"): 0.4})

    best, second, *_ = find_offers(aws, Settings(gpu_mem=16, any_region=True), tell=tell)

    assert (best.machine.name, best.region, best.zones) == (
        "g4dn.xlarge",
        "us-east-2",
        ("us-east-2a", "us-east-2b", "us-east-2c"),
    )
    assert (second.machine.name, second.region) == ("g4dn.xlarge", "us-east-1")


@pytest.mark.usefixtures("three_regions")
def test_at_the_same_price_home_is_nearer(aws, tell):
    (best, *_) = find_offers(aws, Settings(gpu_mem=16, any_region=True), tell=tell)

    assert best.region == "us-east-1"


@pytest.mark.usefixtures("three_regions")
def test_a_region_that_is_shut_is_said_and_left_out(aws, tell, said):
    aws.client("ec2", region="us-east-2").meta.events.register("before-call.ec2.DescribeInstanceTypes", shut)

    found = find_offers(aws, Settings(gpu_mem=16, any_region=True), tell=tell)

    assert "us-east-2" not in {c.region for c in found}
    assert said == ["us-east-2 is left out: Cannot read what the instance types hold: AWS answered Shut: no"]


def test_the_only_region_being_shut_is_an_error(aws, tell):
    aws.client("ec2").meta.events.register("before-call.ec2.DescribeInstanceTypes", shut)

    with pytest.raises(AwsFailed):
        find_offers(aws, Settings(gpu_mem=16), tell=tell)


def shut(**_):
    from botocore.exceptions import ClientError

    raise ClientError({"Error": {"Code": "Shut", "Message": "no"}}, "DescribeInstanceTypes")


def test_on_spot_the_dearest_zone_is_promised_and_the_cheapest_tried_first(aws, tell):
    spot_prices(aws, {("us-east-1a", "g4dn.xlarge"): "0.21", ("us-east-1b", "g4dn.xlarge"): "0.19"})

    (found,) = find_offers(aws, Settings(spot=True), tell=tell)

    assert (found.price.usd_per_hour, found.ceiling.usd_per_hour) == (0.21, 0.526)
    assert found.zones == ("us-east-1b", "us-east-1a", "us-east-1c", "us-east-1d", "us-east-1f")
