"""What several machines gain over one, before money is spent: by a formula, and against one machine with as many GPUs.

The step of a group takes the step of one machine and the time of the exchange: each machine sends 2 (N-1)/N times its
gradients, 4 bytes for each weight, by a ring that takes 2 (N-1) messages. Nothing is taken off for what the exchange
overlaps with computing, so this is the least that is reached. docs/groups.md says where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from infra.aws.offers.instance_types import InstanceType

BYTES_PER_WEIGHT: Final = 4
NCCL_MESSAGE_S: Final = 0.1e-3
# Gloo, on processors: measured at most 8 ms for an exchange however small, and one thread that moves 400 MB a second.
GLOO_S: Final = 8e-3
GLOO_GBITS: Final = 3.2


@dataclass(frozen=True)
class Load:
    """A training step as the network sees it. *step_s*: of one machine, with its whole share of the batch."""

    name: str
    weights: int
    step_s: float


LOADS: Final = (Load("11 thousand weights (turbofan)", 11_448, 0.1), Load("25.6 million (ResNet-50)", 25_600_000, 0.1))


def exchange_s(machine: InstanceType, nodes: int, weights: int) -> float:
    """Seconds that the gradients of one step need between *nodes* machines."""
    gbits = machine.network_gbits if machine.gpu else min(GLOO_GBITS, machine.network_gbits)
    latency_s = NCCL_MESSAGE_S * 2 * (nodes - 1) if machine.gpu else GLOO_S
    sent_bits = 2 * (nodes - 1) / nodes * BYTES_PER_WEIGHT * weights * 8
    return latency_s + sent_bits / (gbits * 1e9)


def efficiency(machine: InstanceType, nodes: int, load: Load) -> float:
    """Samples per second of the group, as a share of *nodes* times those of one machine."""
    return load.step_s / (load.step_s + exchange_s(machine, nodes, load.weights))


@dataclass(frozen=True)
class Rival:
    """One machine with at least as many GPUs of the same kind. US dollars per hour."""

    machine: InstanceType
    usd_per_hour: float
    cheaper_per_gpu: bool
    cheaper_per_gbit: bool


def rival(
    machine: InstanceType, nodes: int, others: Iterable[InstanceType], usd_per_hour: Mapping[str, float]
) -> Rival | None:
    """The cheapest single machine that does for *nodes* of *machine*, if it costs less per GPU or per Gbit/s."""
    if machine.gpu is None or machine.name not in usd_per_hour:
        return None
    wanted, usd = machine.gpu.count * nodes, usd_per_hour[machine.name]
    found = []
    for one in others:
        same = one.gpu is not None and one.gpu.name == machine.gpu.name and one.gpu.count >= wanted
        if same and one.gpu and one.name in usd_per_hour:
            theirs = usd_per_hour[one.name]
            per_gpu = theirs / one.gpu.count < usd / machine.gpu.count
            per_gbit = theirs / (one.network_gbits or 1) < usd / (machine.network_gbits or 1)
            found.append(Rival(one, theirs, per_gpu, per_gbit))
    best = min(found, key=lambda one: one.usd_per_hour, default=None)
    return best if best and (best.cheaper_per_gpu or best.cheaper_per_gbit) else None
