"""AWS's price list, which moto does not have: GetProducts of AmazonEC2 in the shape of the real one.

Prices: us-east-1, Linux, on demand, of the day below; other regions by a made-up factor, so that they differ.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from infra.rehearsal.cloud import response
from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Answer

PUBLISHED: Final = "2026-07-20T00:00:00Z"
USD_PER_HOUR: Final = {
    "t3.micro": 0.0104, "t3.small": 0.0208, "t3.medium": 0.0416, "t3.large": 0.0832, "t3.xlarge": 0.1664,
    "m5.large": 0.096, "m5.xlarge": 0.192, "c5.xlarge": 0.17, "c5.2xlarge": 0.34, "c7i.xlarge": 0.1785,
    "g4dn.xlarge": 0.526, "g4dn.2xlarge": 0.752, "g4dn.4xlarge": 1.204, "g4dn.8xlarge": 2.176, "g4dn.16xlarge": 4.352,
    "g4dn.12xlarge": 3.912, "g4dn.metal": 7.824,
    "g5.xlarge": 1.006, "g5.2xlarge": 1.212, "g5.4xlarge": 1.624, "g5.8xlarge": 2.448, "g5.16xlarge": 4.096,
    "g5.12xlarge": 5.672, "g5.24xlarge": 8.144, "g5.48xlarge": 16.288,
    "g6.xlarge": 0.8048, "g6.2xlarge": 0.9776, "g6.4xlarge": 1.3232, "g6.8xlarge": 2.0144, "g6.16xlarge": 3.3968,
    "g6.12xlarge": 4.6016, "g6.24xlarge": 6.6752, "g6.48xlarge": 13.3504, "gr6.4xlarge": 1.5392, "gr6.8xlarge": 2.4464,
    "g6e.xlarge": 1.861, "g6e.2xlarge": 2.2421, "g6e.4xlarge": 3.0042, "g6e.8xlarge": 4.5286, "g6e.16xlarge": 7.5772,
    "g6e.12xlarge": 10.4926, "g6e.24xlarge": 15.0656, "g6e.48xlarge": 30.1312,
    "p4d.24xlarge": 21.9576, "p4de.24xlarge": 27.4471, "p3dn.24xlarge": 31.212,
    "p5.4xlarge": 6.88, "p5.48xlarge": 55.04,
}  # fmt: skip
FACTORS: Final = {"us-east-1": 1.0, "us-east-2": 1.0, "us-west-2": 1.0}
ELSEWHERE: Final = 1.17
PAGE: Final = 100


def usd_per_hour(machine_type: str, region: str) -> float | None:
    """On demand. None: the list does not know the type."""
    price = USD_PER_HOUR.get(machine_type)
    return None if price is None else round(price * FACTORS.get(region, ELSEWHERE), 10)


def get_products(call: Call, regions_of: Any) -> Answer:
    """*regions_of*: type -> the regions that offer it."""
    wanted = {part["Field"]: part["Value"] for part in call.params.get("Filters", [])}
    kinds = [wanted["instanceType"]] if "instanceType" in wanted else list(USD_PER_HOUR)
    products = [
        _product(kind, region)
        for kind in kinds
        if kind in USD_PER_HOUR
        for region in regions_of(kind)
        if wanted.get("regionCode", region) == region
    ]
    matching = [text for product in products for text in [json.dumps(product)] if _matches(product, wanted)]
    start = int(call.params.get("NextToken") or 0)
    page = {"FormatVersion": "aws_v1", "PriceList": matching[start : start + PAGE]}
    more = {"NextToken": str(start + PAGE)} if len(matching) > start + PAGE else {}
    return response.as_json({**page, **more})


def _matches(product: dict[str, Any], wanted: dict[str, str]) -> bool:
    """TERM_MATCH on attributes; a field the product does not have matches nothing, as in AWS."""
    return all(product["product"]["attributes"].get(field) == value for field, value in wanted.items())


def _product(kind: str, region: str) -> dict[str, Any]:
    sku = hashlib.sha256(f"{kind} {region}".encode()).hexdigest()[:16].upper()
    term, rate = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    usd = usd_per_hour(kind, region)
    return {
        "product": {
            "productFamily": "Compute Instance",
            "sku": sku,
            "attributes": {
                "instanceType": kind, "regionCode": region, "operatingSystem": "Linux", "preInstalledSw": "NA",
                "tenancy": "Shared", "capacitystatus": "Used", "marketoption": "OnDemand", "locationType": "AWS Region",
                "servicecode": "AmazonEC2", "servicename": "Amazon Elastic Compute Cloud", "operation": "RunInstances",
                "licenseModel": "No License required", "usagetype": f"BoxUsage:{kind}",
            },
        },
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {term: {
            "sku": sku, "offerTermCode": "JRTCKXETXF", "effectiveDate": "2026-07-01T00:00:00Z", "termAttributes": {},
            "priceDimensions": {rate: {
                "rateCode": rate, "unit": "Hrs", "beginRange": "0", "endRange": "Inf", "appliesTo": [],
                "description": f"${usd} per On Demand Linux {kind} Instance Hour",
                "pricePerUnit": {"USD": f"{usd:.10f}"},
            }},
        }}},
        "version": "20260720000000",
        "publicationDate": PUBLISHED,
    }  # fmt: skip
