"""What things cost, where the number comes from, and how old it is.

AWS's price list is asked first and not waited for; without it, the table that ships with the kit answers and says its
date. The table holds one region: elsewhere its number is an estimate, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from infra.errors import RigError

if TYPE_CHECKING:
    from infra.aws.client.session import Session

# https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
PRICE_LIST_REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
LIST_TIMEOUT_S = 4.0
MOST_USD_PER_HOUR = 10_000.0  # the dearest that AWS rents are some hundreds
HOURS_PER_MONTH = 730  # what AWS's own calculator takes: 8,760 hours / 12


@dataclass(frozen=True)
class Price:
    """US dollars per hour; *as_of* is the day the number was true. An *estimate* is another region's number."""

    usd_per_hour: float
    source: str
    as_of: date
    estimate: bool = False

    def __str__(self) -> str:
        about = "about " if self.estimate else ""
        return f"{about}${self.usd_per_hour:.4g}/h ({self.source}, {self.as_of.isoformat()})"


SpotPrices = Mapping[str, Mapping[str, Price]]
"""By type, then by zone."""


@dataclass(frozen=True)
class Rates:
    """What is paid besides the machine itself, in US dollars. An *estimate* is another region's number."""

    gp3_usd_per_gib_month: float
    snapshot_usd_per_gib_month: float
    address_usd_per_hour: float
    alarm_usd_per_month: float
    as_of: date
    estimate: bool

    def disk_usd_per_month(self, gib: float) -> float:
        return gib * self.gp3_usd_per_gib_month


def on_demand(session: Session, types: Iterable[str], regions: Sequence[str]) -> dict[tuple[str, str], Price]:
    """The on-demand Linux price by (region, type); one that nobody knows is absent."""
    names = list(dict.fromkeys(types))
    # Without a region the list tells all regions at once: one question a type, however many regions are compared.
    only = regions[0] if len(regions) == 1 else None
    with ThreadPoolExecutor(max_workers=8) as pool:
        live = dict(zip(names, pool.map(lambda name: live_prices(session, name, region=only), names), strict=True))
    known = {
        (region, name): live[name].get(region) or shipped_price(name, region) for region in regions for name in names
    }
    return {place: price for place, price in known.items() if price}


def live_prices(session: Session, machine_type: str, *, region: str | None) -> dict[str, Price]:
    """The type's price by region as AWS's price list has it; empty when the list does not answer at once."""
    wanted = {
        "instanceType": machine_type,
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
    } | ({"regionCode": region} if region else {})
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    endpoint = price_list_region(session.region)
    try:
        with session.translated(f"read the price of {machine_type}", region=endpoint):
            pricing = session.client("pricing", region=endpoint, patient=False, timeout_s=LIST_TIMEOUT_S)
            pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters)
            return _by_region(json.loads(item) for page in pages for item in page["PriceList"])
    except (RigError, ValueError, KeyError, TypeError, AttributeError):
        # The price list is a comfort: no permission, no network, no such endpoint, and products in a form that is none
        # of the documented one all mean "use the table".
        return {}


def _by_region(products: Iterable[Mapping[str, Any]]) -> dict[str, Price]:
    dearest: dict[str, Price] = {}
    for product in products:
        attributes, price = product["product"]["attributes"], _parse_product(product)
        # Local Zones stand in the list beside the region they belong to, at prices of their own.
        if price is None or attributes.get("locationType", "AWS Region") != "AWS Region":
            continue
        region = attributes["regionCode"]
        dearest[region] = max(dearest.get(region, price), price, key=lambda p: p.usd_per_hour)
    return dearest


def price_list_region(region: str) -> str:
    """The price list's endpoint on the same continent as *region*."""
    near = {"eu": "eu-central-1", "me": "ap-south-1", "ap": "ap-south-1", "il": "eu-central-1", "af": "eu-central-1"}
    return near.get(region.split("-")[0], PRICE_LIST_REGIONS[0])


def _parse_product(product: Mapping[str, Any]) -> Price | None:
    dimensions = [
        dimension
        for term in product.get("terms", {}).get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
    ]
    usd = max((float(dimension["pricePerUnit"].get("USD", 0)) for dimension in dimensions), default=0.0)
    if not usd < MOST_USD_PER_HOUR:  # also "nan"
        raise ValueError(f"{usd} is no price")
    if usd <= 0:  # the list holds free placeholders, for capacity that is paid for elsewhere
        return None
    return Price(
        usd, "AWS price list", datetime.fromisoformat(product["publicationDate"].replace("Z", "+00:00")).date()
    )


def shipped_price(machine_type: str, region: str) -> Price | None:
    price = shipped_prices().get(machine_type)
    home = _table()["region"]
    if price is None or region == home:
        return price
    return replace(price, source=f"shipped table, price of {home}", estimate=True)


@cache
def shipped_prices() -> Mapping[str, Price]:
    """The dated table: Linux, on-demand, of the one region it names."""
    return {
        name: Price(usd, "shipped table", date.fromisoformat(part["as_of"]))
        for part in _table()["on_demand"]
        for name, usd in part["usd_per_hour"].items()
    }


def rates(region: str) -> Rates:
    table = _table()
    numbers = {name: value for name, value in table["rates"].items() if name not in ("as_of", "source")}
    return Rates(**numbers, as_of=date.fromisoformat(table["rates"]["as_of"]), estimate=region != table["region"])


def spot(session: Session, types: Sequence[str], *, region: str | None = None) -> SpotPrices:
    """Today's spot price of each type in each zone. Types without spot capacity are absent.

    Without a maximum price, which the kit never sets, spot never costs more than on demand.
    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-spot-instances-work.html
    """
    # A start of now asks for the price in force in each zone, not for the history.
    history = session.client("ec2", region=region).get_paginator("describe_spot_price_history")
    linux = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"]
    prices: dict[str, dict[str, Price]] = {}
    with session.translated("read the spot prices", region=region or session.region):
        for page in history.paginate(
            InstanceTypes=list(types), ProductDescriptions=linux, StartTime=datetime.now(timezone.utc)
        ):
            for entry in page["SpotPriceHistory"]:
                price = Price(float(entry["SpotPrice"]), "spot price history", entry["Timestamp"].date())
                prices.setdefault(entry["InstanceType"], {})[entry["AvailabilityZone"]] = price
    return prices


@cache
def _table() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(
        files("infra.aws.offers").joinpath("data/prices.json").read_text(encoding="utf-8")
    )
    return loaded
