"""Answers of the two services moto lacks: the price list and EC2's quotas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from infra.aws.client.session import Session

PUBLISHED = "2026-11-01T22:03:04Z"


def price_list(session: Session, usd: Mapping[tuple[str, str], float]) -> None:
    """Make the price list hold these (region, type) -> US dollars per hour, and filter as AWS does."""

    def hook(params: dict[str, Any], **_: Any) -> Any:
        wanted = {f["Field"]: f["Value"] for f in json.loads(params["body"])["Filters"]}
        products = [product(region, name, price) for (region, name), price in usd.items()]
        held = [p for p in products if wanted.items() <= p["product"]["attributes"].items()]
        return ok({"PriceList": [json.dumps(p) for p in held]})

    session.events.register("before-call.pricing.GetProducts", hook)


def product(region: str, name: str, usd: float) -> dict[str, Any]:
    attributes = {
        "instanceType": name,
        "regionCode": region,
        "locationType": "AWS Region",
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
    }
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{usd:.10f}"}}
    terms = {"OnDemand": {"SKU.TERM": {"priceDimensions": {"SKU.TERM.RATE": dimension}}}}
    return {"product": {"attributes": attributes}, "terms": terms, "publicationDate": PUBLISHED}


def spot_prices(session: Session, usd: Mapping[tuple[str, str], str]) -> None:
    """Replace moto's history (of 2006) by these (zone, type) -> US dollars per hour."""

    def hook(parsed: dict[str, Any], **_: Any) -> None:
        when = parsed["SpotPriceHistory"][0]["Timestamp"].replace(year=2026)
        parsed["SpotPriceHistory"] = [
            {"AvailabilityZone": zone, "InstanceType": name, "SpotPrice": price, "Timestamp": when}
            for (zone, name), price in usd.items()
        ]

    session.events.register("after-call.ec2.DescribeSpotPriceHistory", hook)


def quotas(session: Session, granted: Mapping[str, float], default: Mapping[str, float] | None = None) -> None:
    """Make these quota codes be granted; others have only AWS's *default*, or are not known at all."""
    answer_quota(session, "GetServiceQuota", granted)
    answer_quota(session, "GetAWSDefaultServiceQuota", default or {})


def answer_quota(session: Session, operation: str, values: Mapping[str, float]) -> None:
    def hook(params: dict[str, Any], **_: Any) -> Any:
        code = json.loads(params["body"])["QuotaCode"]
        if code not in values:
            raise ClientError({"Error": {"Code": "NoSuchResourceException", "Message": "no such quota"}}, operation)
        return ok({"Quota": {"Value": values[code]}})

    session.events.register(f"before-call.service-quotas.{operation}", hook)


def ok(parsed: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
    return AWSResponse("https://aws", 200, HTTPHeaders(), None), parsed
