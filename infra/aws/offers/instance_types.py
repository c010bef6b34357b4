"""Which machines EC2 offers, and what is in them. Everything here is AWS's own answer; nothing is a table of ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.aws.client.session import Session

# DescribeInstanceTypes takes at most this many values in one filter.
FILTER_VALUES = 200
GPU_FAMILIES = ("g*", "p*")
# MXNet has no code for any of these; the words are fields of DescribeInstanceTypes.
OTHER_ACCELERATORS = ("FpgaInfo", "InferenceAcceleratorInfo", "MediaAcceleratorInfo", "NeuronInfo")


@dataclass(frozen=True)
class Gpu:
    """*name* is AWS's ("T4", "A10G"). *count* 0 means that the machine gets a slice of one GPU. Memory is of each."""

    name: str
    manufacturer: str
    count: int
    memory_gib: float


@dataclass(frozen=True)
class InstanceType:
    """One EC2 instance type in one region. *zones* is empty when nobody asked where it is offered.

    *network_gbits*: what it may send at any time, all its cards together; *efa*: it has the adapter for MPI and NCCL;
    *close*: it may stand in a cluster placement group.
    """

    name: str
    vcpus: int
    memory_gib: float
    architectures: tuple[str, ...]
    gpu: Gpu | None = None
    other_accelerator: bool = False
    spot: bool = True
    zones: tuple[str, ...] = ()
    network_gbits: float = field(default=0.0, compare=False)  # how it stands in the network is no part of what it is
    efa: bool = field(default=False, compare=False)
    close: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        gpu = f"{self.gpu.count or 'part of'} x {self.gpu.name} {self.gpu.memory_gib:g} GiB, " if self.gpu else ""
        return f"{self.name} ({gpu}{self.vcpus} vCPU, {self.memory_gib:g} GiB)"


def machine_types(session: Session, names: Iterable[str], *, region: str | None = None) -> list[InstanceType]:
    """The types of these *names* ("g*" is a pattern) that the region offers, in the order of the names where given.

    A name that does not exist is left out: asked for by filter, AWS does not refuse the whole question because of it.
    """
    names = list(dict.fromkeys(names))
    found = [type_of(answer) for answer in _describe(session, names, region)]
    rank = {name: place for place, name in enumerate(names)}
    return sorted(found, key=lambda machine: (rank.get(machine.name, len(rank)), machine.name))


@cache
def holds_gpu(session: Session, name: str) -> bool:
    """Whether machines of the type *name* have a GPU; asked once, for no type ever changes."""
    return any(machine.gpu for machine in machine_types(session, [name]))


def zones_of(session: Session, names: Sequence[str], *, region: str | None = None) -> dict[str, tuple[str, ...]]:
    """In which availability zones each type is offered; a type with none is absent."""
    places: dict[str, list[str]] = {}
    pages = session.client("ec2", region=region).get_paginator("describe_instance_type_offerings")
    filters = [{"Name": "instance-type", "Values": list(names)}]
    with session.translated("ask which zones offer these types", region=region or session.region):
        for page in pages.paginate(LocationType="availability-zone", Filters=filters):
            for offer in page["InstanceTypeOfferings"]:
                places.setdefault(offer["InstanceType"], []).append(offer["Location"])
    return {name: tuple(sorted(zones)) for name, zones in places.items()}


def nearest_names(session: Session, name: str, *, region: str | None = None) -> list[str]:
    """Up to three existing type names that look like *name*, for a user who mistyped it."""
    family = [type_of(answer).name for answer in _describe(session, [name[:1] + "*"], region)]
    return difflib.get_close_matches(name, family, n=3, cutoff=0.5)


def _describe(session: Session, names: list[str], region: str | None) -> Iterator[Mapping[str, Any]]:
    pages = session.client("ec2", region=region).get_paginator("describe_instance_types")
    with session.translated("read what the instance types hold", region=region or session.region):
        for start in range(0, len(names), FILTER_VALUES):
            filters = [{"Name": "instance-type", "Values": names[start : start + FILTER_VALUES]}]
            for page in pages.paginate(Filters=filters):
                yield from page["InstanceTypes"]


def type_of(answer: Mapping[str, Any]) -> InstanceType:
    """Read one entry of DescribeInstanceTypes."""
    gpus = answer.get("GpuInfo", {}).get("Gpus", [])
    return InstanceType(
        name=answer["InstanceType"],
        vcpus=answer["VCpuInfo"]["DefaultVCpus"],
        memory_gib=answer["MemoryInfo"]["SizeInMiB"] / 1024,
        architectures=tuple(answer["ProcessorInfo"]["SupportedArchitectures"]),
        gpu=_gpu_of(gpus[0]) if gpus else None,
        other_accelerator=any(answer.get(kind) for kind in OTHER_ACCELERATORS),
        spot="spot" in answer.get("SupportedUsageClasses", ()),
        network_gbits=sum(
            card.get("BaselineBandwidthInGbps", 0.0) for card in answer.get("NetworkInfo", {}).get("NetworkCards", [])
        ),
        efa=answer.get("NetworkInfo", {}).get("EfaSupported", False),
        close="cluster" in answer.get("PlacementGroupInfo", {}).get("SupportedStrategies", ()),
    )


def _gpu_of(entry: Mapping[str, Any]) -> Gpu:
    return Gpu(
        name=entry["Name"],
        manufacturer=entry["Manufacturer"],
        count=entry.get("Count", 0),
        memory_gib=round(entry["MemoryInfo"]["SizeInMiB"] / 1024, 1),
    )
