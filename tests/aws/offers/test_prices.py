from datetime import date

import pytest

from infra.aws.client.session import Session
from infra.aws.offers import prices
from infra.aws.offers.instance_types import machine_types
from infra.aws.offers.prices import Price
from tests.aws.responses import PUBLISHED, price_list, product, spot_prices

LIVE = date.fromisoformat(PUBLISHED[:10])


def test_the_price_list_wins_over_the_shipped_table(aws):
    price_list(aws, {("us-east-1", "g4dn.xlarge"): 0.6})

    assert prices.on_demand(aws, ["g4dn.xlarge"], ["us-east-1"]) == {
        ("us-east-1", "g4dn.xlarge"): Price(0.6, "AWS price list", LIVE)
    }


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InternalErrorException"])
def test_without_the_price_list_the_table_answers_and_says_its_date(aws, code, calls):
    def refuse(**_):
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetProducts")

    aws.events.register("before-call.pricing.GetProducts", refuse)

    found = prices.on_demand(aws, ["g4dn.xlarge"], ["us-east-1"])

    assert found == {("us-east-1", "g4dn.xlarge"): Price(0.526, "shipped table", date(2026, 7, 20))}
    assert str(*found.values()) == "$0.526/h (shipped table, 2026-07-20)"
    assert calls == ["pricing:GetProducts"]


def test_a_network_without_the_price_list_is_not_waited_for():
    session = Session(region="us-east-1", endpoint_url="http://127.0.0.1:9")

    assert prices.live_prices(session, "g4dn.xlarge", region="us-east-1") == {}
    assert session.client("pricing", patient=False, timeout_s=4.0).meta.config.read_timeout == 4


def test_another_regions_number_is_an_estimate_and_says_so(aws):
    price = prices.shipped_price("g4dn.xlarge", "eu-west-1")

    assert str(price) == "about $0.526/h (shipped table, price of us-east-1, 2026-07-20)"


def test_a_price_nobody_knows_is_absent_and_not_zero(aws):
    price_list(aws, {("us-east-1", "x9.large"): 0.0})

    assert prices.on_demand(aws, ["x9.large"], ["us-east-1"]) == {}


def test_all_regions_are_compared_with_one_question_per_type(aws, calls):
    price_list(
        aws, {("us-east-1", "g4dn.xlarge"): 0.5, ("eu-west-1", "g4dn.xlarge"): 0.6, ("eu-west-1", "g6.xlarge"): 0.9}
    )

    found = prices.on_demand(aws, ["g4dn.xlarge", "g6.xlarge"], ["us-east-1", "eu-west-1"])

    assert {place: price.usd_per_hour for place, price in found.items()} == {
        ("us-east-1", "g4dn.xlarge"): 0.5,
        ("eu-west-1", "g4dn.xlarge"): 0.6,
        ("us-east-1", "g6.xlarge"): 0.8048,
        ("eu-west-1", "g6.xlarge"): 0.9,
    }
    assert calls == ["pricing:GetProducts"] * 2


def test_a_local_zone_does_not_set_the_price_of_its_region():
    local = product("us-west-2", "g4dn.xlarge", 9.9)
    local["product"]["attributes"]["locationType"] = "AWS Local Zone"

    found = prices._by_region([local, product("us-west-2", "g4dn.xlarge", 0.526)])

    assert found["us-west-2"].usd_per_hour == 0.526


def test_spot_prices_are_by_type_and_zone(aws):
    spot_prices(aws, {("us-east-1a", "g4dn.xlarge"): "0.2100", ("us-east-1b", "g4dn.xlarge"): "0.1900"})

    found = prices.spot(aws, ["g4dn.xlarge"])["g4dn.xlarge"]

    assert {zone: price.usd_per_hour for zone, price in found.items()} == {"us-east-1a": 0.21, "us-east-1b": 0.19}


@pytest.mark.parametrize("usd", ["nan", "inf", "-1", "1e300"])
def test_what_is_no_price_is_none(aws, usd):
    """A sum with it would be no sum, and a budget of it no deadline."""
    price_list(aws, {("us-east-1", "g4dn.xlarge"): float(usd)})

    listed = prices.on_demand(aws, ["g4dn.xlarge"], ["us-east-1"])

    assert [price.source for price in listed.values()] == ["shipped table"]


def test_every_type_in_the_shipped_table_exists(aws):
    """A price does not prove that a type can still be had: p2, p3 and g3 have prices to this day."""
    existing = {machine.name for machine in machine_types(aws, prices.shipped_prices())}

    assert set(prices.shipped_prices()) - existing == set()


def test_a_disk_and_an_address_have_a_price_in_every_region():
    rates = prices.rates("us-east-1")

    assert (rates.disk_usd_per_month(60), rates.address_usd_per_hour) == (pytest.approx(60 * 0.08), 0.005)
    assert not rates.estimate
    assert prices.rates("eu-west-1").estimate


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [("us-west-2", "us-east-1"), ("eu-west-1", "eu-central-1"), ("ap-northeast-2", "ap-south-1")],
)
def test_the_price_list_is_asked_on_the_same_continent(region, endpoint):
    assert prices.price_list_region(region) == endpoint
