"""Which device a run uses, and why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from training.compat import mx
from training.config import JobConfig
from training.errors import BadInput
from training.trainer.group import Alone

MEASURED_STEPS = 10
WARM_UP_STEPS = 3  # the first steps compile the graph and let cuDNN choose its algorithms


@dataclass(frozen=True)
class DeviceChoice:
    devices: tuple[Any, ...]
    why: str

    def __str__(self) -> str:
        return ", ".join(map(str, self.devices))


def choose(
    config: JobConfig, *, batch: int, gpu_required: bool, seconds_per_step: Callable[[tuple[Any, ...]], float]
) -> DeviceChoice:
    """Settle key `device`. *batch*: examples in a step, which the devices share. *seconds_per_step* measures the job on
    given devices; only `auto` with a GPU calls it.

    Raises BadInput when a GPU is asked for and none is visible, and where a device would have no example.
    """
    visible = mx.context.num_gpus()
    if gpu_required and not visible:
        raise BadInput(
            "This run must have a GPU (RIG_REQUIRE_GPU=1) and MXNet sees none.",
            "is the NVIDIA driver loaded (nvidia-smi), the container started with --gpus all, and the GPU image used?",
        )
    if config.device == "auto" and not visible:
        return DeviceChoice((mx.cpu(),), "no GPU is visible to MXNet")
    if config.device == "gpu" and not visible:
        raise BadInput("device=gpu, but MXNet sees no GPU.", "device=auto or device=cpu trains without one")
    kind, count = (
        (mx.gpu, _gpu_count(config, visible)) if config.device in ("auto", "gpu") else (mx.cpu, _cpu_count(config))
    )
    if batch < count:
        raise BadInput(
            f"A batch of {batch} cannot be shared among {count} devices.",
            "take fewer devices, a larger batch_size, or more examples",
        )
    asked_for = tuple(map(kind, range(count)))
    return _faster(asked_for, seconds_per_step) if config.device == "auto" else DeviceChoice(asked_for, "asked for")


def choose_for_worker(
    config: JobConfig,
    group: Alone,
    *,
    batch: int,
    gpu_required: bool,
    seconds_per_step: Callable[[tuple[Any, ...]], float],
) -> DeviceChoice:
    """`choose` for one of several workers: one device each, the GPU of its number on its machine, and all of them a GPU
    or none, as the first one measured. Raises BadInput as `choose` does, and where a machine has too few GPUs."""
    if config.device.startswith("cpu:"):
        raise BadInput(f"device={config.device}: each of several workers has one device.", "say device=cpu")
    share = replace(config, gpus="1") if config.gpus == "all" else config
    if share.gpus != "1":
        raise BadInput(
            f"gpus={config.gpus}: each of several workers has one GPU.", "leave it out: WORKERS= says how many"
        )

    def on_own(devices: tuple[Any, ...]) -> float:
        return seconds_per_step(tuple(_own(device, group) for device in devices))

    chosen = choose(share, batch=batch, gpu_required=gpu_required, seconds_per_step=on_own)
    kind, why = group.from_first((chosen.devices[0].device_type, chosen.why))
    if kind == "gpu" and group.local_rank >= mx.context.num_gpus():
        raise BadInput(
            f"Worker {group.rank} needs a GPU of its own, and MXNet sees {mx.context.num_gpus()}.",
            "start fewer workers on a machine, or take device=cpu",
        )
    return DeviceChoice((_own(mx.Context(kind), group),), f"{why}; {group.size} workers, one device each")


def _own(device: Any, group: Alone) -> Any:
    return mx.gpu(group.local_rank) if device.device_type == "gpu" else device


def _gpu_count(config: JobConfig, visible: int) -> int:
    count = visible if config.gpus == "all" else int(config.gpus)
    if count > visible:
        raise BadInput(f"gpus={count}, but MXNet sees {visible}.", "gpus=all takes what there is")
    return count


def _cpu_count(config: JobConfig) -> int:
    return int(config.device.partition(":")[2] or 1)


def _faster(gpus: tuple[Any, ...], seconds_per_step: Callable[[tuple[Any, ...]], float]) -> DeviceChoice:
    cpu = (mx.cpu(),)
    on_gpu, on_cpu = seconds_per_step(gpus), seconds_per_step(cpu)
    figures = f"measured {on_gpu * 1e3:.1f} ms a step on the GPU, {on_cpu * 1e3:.1f} ms on the CPU"
    if on_gpu <= on_cpu:
        return DeviceChoice(gpus, figures)
    return DeviceChoice(cpu, figures + ": a net this small is faster on the CPU")


def time_steps(step: Callable[[], None]) -> float:
    """Seconds per call of *step*, after a warm-up."""
    for _ in range(WARM_UP_STEPS):
        step()
    mx.nd.waitall()
    started = time.perf_counter()
    for _ in range(MEASURED_STEPS):
        step()
    mx.nd.waitall()
    return (time.perf_counter() - started) / MEASURED_STEPS
