"""The compatibility gate: does the pinned MXNet wheel run on this machine? Asked before anything costs money.

Machine code in a wheel runs on a GPU when the GPU's compute capability has the same major number and at least the minor
one; PTX, where a wheel has it, is compiled by the driver for every later GPU.
Source: https://docs.nvidia.com/cuda/turing-compatibility-guide/index.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from infra.aws.offers.instance_types import Gpu, InstanceType

Capability = tuple[int, int]

# The one table of ours: EC2 does not tell it. Keyed by EC2's GPU name.
# Source: https://developer.nvidia.com/cuda-gpus and https://developer.nvidia.com/cuda-legacy-gpus
COMPUTE_CAPABILITY: Final[Mapping[str, Capability]] = {
    "K80": (3, 7),
    "M60": (5, 2),
    "V100": (7, 0),
    "T4": (7, 5),
    "T4g": (7, 5),
    "A100": (8, 0),
    "A10G": (8, 6),
    "L4": (8, 9),
    "L40S": (8, 9),
    "H100": (9, 0),
    "H200": (9, 0),
    "B200": (10, 0),
    "B300": (10, 3),
    "RTX PRO 4500": (12, 0),
    "RTX PRO Server 6000": (12, 0),
}
# The Deep Learning AMIs carry driver branch 595; branch 580 is the last that drives Volta and older.
# Source: https://docs.nvidia.com/datacenter/tesla/drivers/cuda-toolkit-driver-and-architecture-matrix.html
OLDEST_DRIVEN: Final[Capability] = (7, 5)


@dataclass(frozen=True)
class Wheel:
    """What the pinned CUDA wheel holds: machine code per compute capability, and PTX."""

    name: str
    version: str
    machine: str
    sm: tuple[Capability, ...]
    ptx: tuple[Capability, ...]

    def has_code_for(self, device: Capability) -> bool:
        return any(major == device[0] and minor <= device[1] for major, minor in self.sm) or any(
            ptx <= device for ptx in self.ptx
        )

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def shipped_wheel() -> Wheel:
    """The record of the pinned wheel. A new wheel moves the gate by its record alone; a test holds it to the pin."""
    record = json.loads(files("infra.aws.offers").joinpath("data/wheel.json").read_text(encoding="utf-8"))
    return Wheel(
        name=record["name"],
        version=record["version"],
        machine=record["machine"],
        sm=tuple(_capability(text) for text in record["sm"]),
        ptx=tuple(_capability(text) for text in record["ptx"]),
    )


def refusal(machine: InstanceType, wheel: Wheel) -> str:
    """Why *machine* cannot train with *wheel*; empty when it can. A machine without a GPU runs the CPU image."""
    if wheel.machine not in machine.architectures:
        return (
            f"{machine.name} has {'/'.join(machine.architectures)} processors; MXNet's wheels are for {wheel.machine}"
        )
    if machine.other_accelerator:
        return f"{machine.name} is built around an accelerator that MXNet cannot use"
    return _gpu_refusal(machine.name, machine.gpu, wheel) if machine.gpu else ""


def _gpu_refusal(name: str, gpu: Gpu, wheel: Wheel) -> str:
    if gpu.manufacturer.upper() != "NVIDIA":
        return f"{name} comes with a GPU of {gpu.manufacturer}; {wheel} is built for NVIDIA's CUDA"
    if gpu.count < 1:
        return f"{name} comes with a slice of a GPU ({gpu.name}); the kit works with whole GPUs"
    device = COMPUTE_CAPABILITY.get(gpu.name)
    if device is None:
        return f"{name} comes with a GPU the kit does not know, {gpu.name}: whether {wheel} has code for it is unknown"
    comes_with = f"{name} comes with GPUs of compute capability {_text(device)} ({gpu.name})"
    if device < OLDEST_DRIVEN:
        return f"{comes_with}, which today's driver no longer drives"
    if not wheel.has_code_for(device):
        return f"{comes_with}; {wheel} has code for {', '.join(_text(sm) for sm in wheel.sm)} only"
    return ""


@dataclass(frozen=True)
class Refusal:
    """One type that was asked for and cannot be had; *instead* names what can, in words."""

    name: str
    reason: str
    instead: str


def refusals(
    machines: Iterable[InstanceType], alternatives: Iterable[InstanceType], usd_per_hour: Mapping[str, float]
) -> list[Refusal]:
    """Which of *machines* the gate holds back, and which of *alternatives* to take instead."""
    wheel = shipped_wheel()
    among = [machine for machine in alternatives if not refusal(machine, wheel)]
    return [
        Refusal(machine.name, reason, _list(nearest(machine, among, usd_per_hour), usd_per_hour))
        for machine in machines
        if (reason := refusal(machine, wheel))
    ]


def nearest(
    wanted: InstanceType, among: Iterable[InstanceType], usd_per_hour: Mapping[str, float], *, most: int = 3
) -> list[InstanceType]:
    """Of *among*, the types closest in number of GPUs, then in memory, then the cheapest; one of each kind of GPU."""
    alike = [machine for machine in among if bool(machine.gpu) == bool(wanted.gpu)]
    alike.sort(key=lambda m: (*_distance(m, wanted), usd_per_hour.get(m.name, math.inf), m.name))
    kinds: dict[object, InstanceType] = {}
    for machine in alike:
        kinds.setdefault((machine.gpu.name, machine.gpu.count) if machine.gpu else machine.name, machine)
    return list(kinds.values())[:most]


def _distance(machine: InstanceType, wanted: InstanceType) -> tuple[float, float]:
    """How many doublings apart, in GPUs and in memory of one GPU; without GPUs, in vCPUs and memory."""
    (count, memory), (wanted_count, wanted_memory) = _size(machine), _size(wanted)
    return abs(math.log2(count / wanted_count)), abs(math.log2(memory / wanted_memory))


def _size(machine: InstanceType) -> tuple[float, float]:
    if machine.gpu is None:
        return machine.vcpus, machine.memory_gib
    return max(machine.gpu.count, 1), machine.gpu.memory_gib


def _list(machines: Sequence[InstanceType], usd_per_hour: Mapping[str, float]) -> str:
    if not machines:
        return "nothing like it works in this region; try another one"
    return ", ".join(_offer(machine, usd_per_hour.get(machine.name)) for machine in machines)


def _offer(machine: InstanceType, usd_per_hour: float | None) -> str:
    gpu = [f"{machine.gpu.count} x {machine.gpu.name} {machine.gpu.memory_gib:g} GiB"] if machine.gpu else []
    price = [f"about ${usd_per_hour:.4g}/h"] if usd_per_hour else []
    return f"{machine.name} ({', '.join(gpu + price)})"


def _capability(text: str) -> Capability:
    major, minor = text.split(".")
    return int(major), int(minor)


def _text(capability: Capability) -> str:
    return f"{capability[0]}.{capability[1]}"
