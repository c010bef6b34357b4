"""How many vCPUs the account may run, runs, and needs. A new account often may run no GPU at all.

https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.aws.offers.instance_types import InstanceType, machine_types
from infra.errors import AwsFailed, QuotaTooSmall, RigError

if TYPE_CHECKING:
    from infra.aws.client.session import Session

SMALLEST_REQUEST: Final = 4  # vCPUs: one g4dn.xlarge


@dataclass(frozen=True)
class Family:
    """The instance types that share one quota, known by the letters before the generation: "g" of g4dn."""

    letters: tuple[str, ...]
    on_demand: tuple[str, str]  # code, name
    spot: tuple[str, str]


FAMILIES: Final = (
    Family(
        ("g", "gr", "vt"),
        ("L-DB2E81BA", "Running On-Demand G and VT instances"),
        ("L-3819A6DF", "All G and VT Spot Instance Requests"),
    ),
    Family(
        ("p",),
        ("L-417A185B", "Running On-Demand P instances"),
        ("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests"),
    ),
    Family(
        ("a", "c", "d", "h", "i", "m", "r", "t", "z"),
        ("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
        ("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Quota:
    """In vCPUs of one family in one region. None: nobody told us, which is not zero."""

    code: str
    name: str
    region: str
    needed: int
    granted: float | None
    in_use: int | None

    @property
    def enough(self) -> bool | None:
        """Whether the launch fits; None when that is unknown. Without the use, the grant alone can still say no."""
        if self.granted is None:
            return None
        if self.granted < self.needed + (self.in_use or 0):
            return False
        return None if self.in_use is None else True

    @property
    def request(self) -> list[str]:
        """The command that asks AWS for what this launch needs."""
        desired = max(SMALLEST_REQUEST, self.needed + (self.in_use or 0))
        return [
            *("aws", "service-quotas", "request-service-quota-increase", "--service-code", "ec2"),
            *("--quota-code", self.code, "--desired-value", str(desired), "--region", self.region),
        ]

    def __str__(self) -> str:
        granted, used = ("unknown" if n is None else f"{n:g}" for n in (self.granted, self.in_use))
        return f'"{self.name}" in {self.region}: {self.needed} vCPUs needed, {granted} granted, {used} in use'


def family_of(machine_type: str) -> Family | None:
    """The family whose quota the type counts against; None for those the kit never takes (u, x, inf, trn, ...)."""
    letters = re.match(r"[a-z]*", machine_type)
    # "c7i-flex" and "m5zn" are standard by their first letter; "inf2", "trn1" and "hpc7a" are families of their own.
    return next((family for family in FAMILIES if letters and letters[0] in family.letters), None)


def quota_of(session: Session, machine: InstanceType, *, spot: bool, region: str | None = None) -> Quota | None:
    """The quota a launch of *machine* counts against; None when the kit knows none for this family.

    Both halves are asked side by side, and either may stay unknown: not being allowed to look forbids no launch.
    """
    region = region or session.region
    family = family_of(machine.name)
    if family is None:
        return None
    code, name = family.spot if spot else family.on_demand
    with ThreadPoolExecutor() as pool:
        granted = pool.submit(_ask_granted, session, code, region)
        in_use = pool.submit(_in_use, session, family, region, spot=spot)
    return Quota(
        code=code,
        name=name,
        region=region,
        needed=machine.vcpus,
        granted=granted.result(),
        in_use=in_use.result(),
    )


def require(quota: Quota | None) -> None:
    """Raise QuotaTooSmall when it is known that the launch would be refused."""
    if quota is not None and quota.enough is False:
        raise QuotaTooSmall(
            f"The quota {quota}. Nothing was started.",
            f"{shlex.join(quota.request)}\n"
            "AWS answers by mail, in an hour to three days; `rig doctor` shows when it is granted\n"
            "until then: CLOUD=rehearsal costs nothing, and TYPE=t3.micro (no GPU) has a quota of its own",
        )


def _ask_granted(session: Session, code: str, region: str) -> float | None:
    quotas = session.client("service-quotas", region=region)
    # An account that never asked for more has no quota of its own, only AWS's default.
    for ask in (quotas.get_service_quota, quotas.get_aws_default_service_quota):
        try:
            with session.translated("read your vCPU quota", region=region):
                return float(ask(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"])
        except RigError as error:
            if not isinstance(error, AwsFailed) or error.code != "NoSuchResourceException":
                break
    return None


def _in_use(session: Session, family: Family, region: str, *, spot: bool) -> int | None:
    """vCPUs of everything of *family* that runs in the account, whoever started it."""
    running = {"Name": "instance-state-name", "Values": ["pending", "running"]}
    pages = session.client("ec2", region=region).get_paginator("describe_instances")
    try:
        with session.translated("count the vCPUs in use", region=region):
            instances = [
                instance
                for page in pages.paginate(Filters=[running])
                for reservation in page["Reservations"]
                for instance in reservation["Instances"]
            ]
        return _vcpus(session, _count_vcpus(instances, family, spot=spot), region)
    except RigError:
        return None


def _count_vcpus(instances: list[Mapping[str, Any]], family: Family, *, spot: bool) -> Counter[str]:
    return Counter(
        instance["InstanceType"]
        for instance in instances
        if family_of(instance["InstanceType"]) is family and (instance.get("InstanceLifecycle") == "spot") == spot
    )


def _vcpus(session: Session, counted: Counter[str], region: str) -> int:
    if not counted:
        return 0
    each = {machine.name: machine.vcpus for machine in machine_types(session, counted, region=region)}
    return sum(number * each.get(name, 0) for name, number in counted.items())
