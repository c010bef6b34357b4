"""`rig types`: what could be rented here, for how much, and what stands in the way."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from infra.aws.client.session import Session
from infra.aws.offers.survey import TypeReport, survey_types
from infra.cli.screens.layout import render_json
from infra.cli.screens.types import render_types
from tests.aws.responses import price_list, quotas, spot_prices


@pytest.fixture
def account(aws: Session) -> Session:
    price_list(aws, {("us-east-1", "g6.xlarge"): 0.81})
    quotas(aws, {"L-DB2E81BA": 8, "L-3819A6DF": 0, "L-417A185B": 0, "L-7212CCBC": 0})
    spot_prices(aws, {("us-east-1a", "g6.xlarge"): "0.31", ("us-east-1b", "g6.xlarge"): "0.29"})
    return aws


def survey(aws: Session, tell: Any, gpu_mem: float = 20, gpus: int = 1) -> dict[str, TypeReport]:
    return {one.machine.name: one for one in survey_types(aws, gpu_mem=gpu_mem, gpus=gpus, tell=tell)}


def test_a_type_is_told_with_its_prices_and_what_the_quota_allows(
    account: Session, tell: Any, calls: list[str]
) -> None:
    found = survey(account, tell)

    one = found["g6.xlarge"]
    assert one.on_demand is not None
    assert one.spot is not None
    assert one.quota is not None
    assert one.spot_quota is not None
    assert (one.machine.gpu and one.machine.gpu.name, one.refusal) == ("L4", "")
    assert (one.on_demand.usd_per_hour, one.spot.usd_per_hour) == (0.81, 0.29)
    assert (one.quota.enough, one.quota.needed, one.spot_quota.enough) == (True, 4, False)
    # Those that run here come first, and each part begins with the cheapest.
    parts = [[one for one in found.values() if bool(one.refusal) is refused] for refused in (False, True)]
    assert list(found.values()) == parts[0] + parts[1]
    for part in parts:
        usd = [one.on_demand.usd_per_hour if one.on_demand else float("inf") for one in part]
        assert usd == sorted(usd)
        assert len(part) > 3
    # Nothing is asked for twice, and no price of what is refused.
    asked = Counter(call for call in calls if call != "ec2:DescribeInstances")
    assert asked["pricing:GetProducts"] == len(parts[0])
    assert asked["service-quotas:GetServiceQuota"] == 4
    assert asked["ec2:DescribeSpotPriceHistory"] == asked["ec2:DescribeInstanceTypes"] == 1


def test_the_screen_says_what_does_not_run_and_why_and_scripts_read_the_same(account: Session, tell: Any) -> None:
    found = list(survey(account, tell).values())

    table, refused, allowed, source = render_types(found, region="us-east-1").split("\n\n")
    head, *rows = table.splitlines()
    assert head.split() == ["TYPE", "GPU", "GPU", "GiB", "VCPU", "RAM", "GiB", "$/H", "SPOT", "QUOTA"]
    assert ["g6.xlarge", "1", "x", "L4", "22.4", "4", "16", "0.810", "0.290", "yes"] in [row.split() for row in rows]
    assert max(map(len, table.splitlines())) <= 80
    assert "  p3dn.24xlarge\n    comes with GPUs of compute capability 7.0 (V100), which" in refused
    assert "  Running On-Demand G and VT instances: 8 granted, 0 in use" in allowed.splitlines()
    assert source.startswith("Prices: AWS price list, ")
    told = {one["machine"]["name"]: one for one in json.loads(render_json(found))}
    assert told["g6.xlarge"]["on_demand"] == {
        "usd_per_hour": 0.81,
        "source": "AWS price list",
        "as_of": "2026-11-01",
        "estimate": False,
    }


def test_who_may_not_look_at_spot_prices_sees_all_the_rest(
    account: Session, tell: Any, said: list[str], answer: Any
) -> None:
    answer(account, "ec2", "DescribeSpotPriceHistory", code="UnauthorizedOperation")

    found = survey(account, tell, gpu_mem=40, gpus=8)

    assert {one.spot for one in found.values()} == {None}
    assert {one.machine.gpu.count for one in found.values() if one.machine.gpu} == {8}
    assert [line.partition(":")[0] for line in said] == ["No spot prices"]


def test_a_wish_that_nothing_fills_says_what_to_ask_for(account: Session, tell: Any) -> None:
    assert render_types(list(survey(account, tell, gpu_mem=1000).values()), region="us-east-1") == (
        "No type in us-east-1 has GPUs as large as that: ask for less (GPU_MEM, GPUS)."
    )
