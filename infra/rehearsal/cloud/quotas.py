"""Service Quotas of EC2, which moto does not have, and a launch or a start that would pass them refused.

https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from moto.ec2.models.instance_types import INSTANCE_TYPES

from infra.rehearsal.cloud import response
from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Answer, Refusal
from infra.rehearsal.fault_injection import Faults

STANDARD_VCPUS: Final = 64.0  # T, M, C, ...: `fault quota` is about GPUs only


@dataclass(frozen=True)
class Quota:
    """One limit in vCPUs; *families* are the letters an instance type begins with. *default*: in a new account."""

    code: str
    name: str
    families: tuple[str, ...]
    spot: bool
    default: float
    gpu: bool = True


_STANDARD: Final = ("a", "c", "d", "h", "i", "m", "r", "t", "z")
QUOTAS: Final = (
    Quota("L-DB2E81BA", "Running On-Demand G and VT instances", ("g", "gr", "vt"), False, 0),
    Quota("L-3819A6DF", "All G and VT Spot Instance Requests", ("g", "gr", "vt"), True, 0),
    Quota("L-417A185B", "Running On-Demand P instances", ("p",), False, 0),
    Quota("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", ("p",), True, 0),
    Quota("L-C4BD4855", "All P5 Spot Instance Requests", (), True, 0),
    Quota("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", _STANDARD, False, 5, False),
    Quota("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", _STANDARD, True, 5, False),
)


def granted(quota: Quota, faults: Faults) -> float:
    return faults.now.quota if quota.gpu else STANDARD_VCPUS


def get_quota(call: Call, faults: Faults) -> Answer:
    return response.as_json({"Quota": _described(_asked(call), granted(_asked(call), faults), call.region)})


def get_default(call: Call) -> Answer:
    return response.as_json({"Quota": _described(_asked(call), _asked(call).default, call.region)})


def list_quotas(call: Call, faults: Faults) -> Answer | None:
    """None for other services than EC2: moto knows those of VPC."""
    if call.params.get("ServiceCode") != "ec2":
        return None
    return response.as_json({"Quotas": [_described(quota, granted(quota, faults), call.region) for quota in QUOTAS]})


def request_increase(call: Call) -> Answer:
    quota = _asked(call)
    request = {"Id": "rehearsal", "Status": "PENDING", "DesiredValue": call.params["DesiredValue"],
               "ServiceCode": "ec2", "QuotaCode": quota.code, "QuotaName": quota.name}  # fmt: skip
    return response.as_json({"RequestedQuota": request})


def _asked(call: Call) -> Quota:
    for quota in QUOTAS:
        if call.params.get("ServiceCode") == "ec2" and call.params.get("QuotaCode") == quota.code:
            return quota
    raise Refusal("NoSuchResourceException", "The request failed because the specified service quota does not exist.")


def _described(quota: Quota, value: float, region: str) -> dict[str, Any]:
    return {"ServiceCode": "ec2", "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)", "QuotaName": quota.name,
            "QuotaArn": f"arn:aws:servicequotas:{region}:123456789012:ec2/{quota.code}", "QuotaCode": quota.code,
            "Value": value, "Unit": "None", "Adjustable": True, "GlobalQuota": False}  # fmt: skip


def refuse_over_quota(ec2: Any, faults: Faults, machine_type: str, *, spot: bool, count: int = 1) -> None:
    """Raises Refusal as EC2 does when *count* more of *machine_type* would pass the quota."""
    quota = _quota_of(machine_type, spot=spot)
    if quota is None:
        return
    used = sum(vcpus(one.instance_type) for one in _counted(ec2.all_instances(), quota))
    if used + count * vcpus(machine_type) <= granted(quota, faults):
        return
    if spot:
        raise Refusal("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    raise Refusal(
        "VcpuLimitExceeded",
        f"You have requested more vCPU capacity than your current vCPU limit of {granted(quota, faults):g} allows for "
        "the instance bucket that the specified instance type belongs to. Please visit "
        "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
    )


def _quota_of(machine_type: str, *, spot: bool) -> Quota | None:
    letters = re.match("[a-z]*", machine_type)
    family = letters[0] if letters else ""
    return next((quota for quota in QUOTAS if family in quota.families and quota.spot == spot), None)


def _counted(instances: Iterable[Any], quota: Quota) -> list[Any]:
    return [
        one for one in instances
        if one.state in ("pending", "running") and _quota_of(one.instance_type, spot=one.lifecycle == "spot") == quota
    ]  # fmt: skip


def vcpus(machine_type: str) -> int:
    """0 for a type that does not exist."""
    known = INSTANCE_TYPES.get(machine_type)
    return int(known["VCpuInfo"]["DefaultVCpus"]) if known else 0
