"""The two ways weights move: by Gluon's Trainer, or by hand. Both give the same numbers for sgd."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Protocol, cast

from training.compat import NDArray, mx
from training.config import JobConfig, nearest
from training.errors import BadInput
from training.trainer.group import here


class Update(Protocol):
    def apply(self, batch_size: int, lr: float) -> None:
        """Move every weight once. The gradients are sums over *batch_size* examples."""

    def scale(self, loss: NDArray) -> AbstractContextManager[NDArray]:
        """*loss*, shape (1,), as backward is to be called on it: mixed precision multiplies it by a scale.

        https://mxnet.apache.org/versions/1.9.1/api/python/docs/tutorials/performance/backend/amp.html
        """

    def state(self) -> dict[str, NDArray]:
        """Arrays that the next update depends on, in the optimizer's own shapes."""

    def counts(self) -> dict[str, Any]:
        """Numbers that the next update depends on, JSON-able."""

    def load(self, state: Mapping[str, NDArray], counts: Mapping[str, Any]) -> None:
        """Take back what `state` and `counts` gave, in the same shapes. Raises KeyError where one is missing."""


class TrainerUpdate:
    """gluon.Trainer. Gradients are summed among several devices (kvstore "device"), or among several workers; each
    updates its copy."""

    def __init__(self, parameters: Sequence[Any], config: JobConfig, devices: Sequence[Any]) -> None:
        self.devices = devices
        kvstore = "device" if len(devices) > 1 else None
        self.trainer = here().trainer(list(parameters), config.optimizer, _optimizer_options(config), kvstore)

    def apply(self, batch_size: int, lr: float) -> None:
        self.trainer.set_learning_rate(lr)
        self.trainer.step(batch_size)

    def scale(self, loss: NDArray) -> AbstractContextManager[NDArray]:
        return nullcontext(loss)

    # The updaters' states are plain arrays; Trainer.save_states would pickle them together with code.
    def state(self) -> dict[str, NDArray]:
        by_weight = self.trainer._updaters[0].states
        return {f"{index}.{i}": array for index, parts in by_weight.items() for i, array in enumerate(_flatten(parts))}

    def counts(self) -> dict[str, Any]:
        optimizer = self.trainer.optimizer
        counts = {"num_update": optimizer.num_update, "of_weight": optimizer._all_index_update_counts}
        # Nadam's warming schedule is a number of its own, beside the arrays.
        return {**counts, "m_schedule": optimizer.m_schedule} if hasattr(optimizer, "m_schedule") else counts

    def load(self, state: Mapping[str, NDArray], counts: Mapping[str, Any]) -> None:
        optimizer = self.trainer.optimizer
        optimizer.num_update = counts["num_update"]
        if "m_schedule" in counts:
            optimizer.m_schedule = counts["m_schedule"]
        # Adam corrects by the number of updates of each weight, which is counted on each device.
        for device_id, by_weight in counts["of_weight"].items():
            here = optimizer._all_index_update_counts.setdefault(int(device_id), {})
            here.update({int(index): updates for index, updates in by_weight.items()})
        for device, updater in zip(self.devices, self.trainer._updaters, strict=True):
            self._load_states(device, updater, state)

    def _load_states(self, device: Any, updater: Any, state: Mapping[str, NDArray]) -> None:
        if not state:  # plain sgd keeps none
            return
        for index, p in enumerate(self.trainer._params):
            if p.grad_req == "null":
                continue
            fresh = self.trainer.optimizer.create_state_multi_precision(index, p.data(device))
            for i, array in enumerate(_flatten(fresh)):
                state[f"{index}.{i}"].copyto(array)
            updater.states[index] = fresh
            updater.states_synced[index] = True


def _optimizer_options(config: JobConfig) -> dict[str, Any]:
    known = mx.optimizer.Optimizer.opt_registry
    if config.optimizer not in known:
        raise BadInput(f"optimizer={config.optimizer}: there is no such optimizer" + nearest(config.optimizer, known))
    if config.optimizer == "groupadagrad":
        raise BadInput("optimizer=groupadagrad takes tables of embeddings only, and no biases.", "take adagrad")
    options: dict[str, Any] = {"learning_rate": config.lr, "wd": config.wd}
    if "momentum" in inspect.signature(known[config.optimizer].__init__).parameters:
        options["momentum"] = config.momentum
    if config.clip:
        options["clip_gradient"] = config.clip
    return options


def _flatten(state: Any) -> list[NDArray]:
    """An optimizer's state for one weight: nothing, an array, or tuples of them."""
    if state is None:
        return []
    return [array for part in state for array in _flatten(part)] if isinstance(state, list | tuple) else [state]


class ManualUpdate:
    """Stochastic gradient descent written out: v = momentum v - lr (gradient / batch + wd w); w = w + v."""

    def __init__(self, parameters: Sequence[Any], config: JobConfig, devices: Sequence[Any]) -> None:
        if config.optimizer != "sgd" or config.clip or len(devices) > 1 or here().size > 1:
            raise BadInput(
                "update=manual is written for optimizer=sgd without clip on one device, by one worker.",
                "take update=trainer",
            )
        self.config = config
        self.weights = [p for p in parameters if p.grad_req != "null"]
        self.velocities = [mx.nd.zeros_like(p.data()) for p in self.weights]

    def apply(self, batch_size: int, lr: float) -> None:
        for p, velocity in zip(self.weights, self.velocities, strict=True):
            w, gradient = p.data(), p.grad() / batch_size
            velocity[:] = self.config.momentum * velocity - lr * (gradient + self.config.wd * w)
            w[:] = w + velocity

    def scale(self, loss: NDArray) -> AbstractContextManager[NDArray]:
        return nullcontext(loss)

    def state(self) -> dict[str, NDArray]:
        return {str(i): velocity for i, velocity in enumerate(self.velocities)}

    def counts(self) -> dict[str, Any]:
        return {}

    def load(self, state: Mapping[str, NDArray], counts: Mapping[str, Any]) -> None:
        for i, velocity in enumerate(self.velocities):
            state[str(i)].copyto(velocity)


def _amp() -> Any:
    """MXNet's mixed precision, which `import mxnet` does not bring along."""
    return import_module("mxnet.contrib.amp")


class MixedPrecisionUpdate(TrainerUpdate):
    """TrainerUpdate for MXNet's automatic mixed precision, with its scaled loss."""

    @staticmethod
    def prepare(devices: Sequence[Any]) -> None:
        """To be called before the net is made: it changes operators for the whole process, for good."""
        on_gpu = devices[0].device_type == "gpu"
        # float16 has no operators on the CPU; bfloat16 needs a GPU newer than MXNet 1.9.
        _amp().init(target_dtype="float16" if on_gpu else "bfloat16")

    def __init__(self, parameters: Sequence[Any], config: JobConfig, devices: Sequence[Any]) -> None:
        super().__init__(parameters, config, devices)
        _amp().init_trainer(self.trainer)

    def scale(self, loss: NDArray) -> AbstractContextManager[NDArray]:
        return cast("AbstractContextManager[NDArray]", _amp().scale_loss(loss, self.trainer))

    def counts(self) -> dict[str, Any]:
        scaler = self.trainer._amp_loss_scaler
        return {**super().counts(), "loss_scale": scaler._next_loss_scale, "unskipped": scaler._unskipped}

    def load(self, state: Mapping[str, NDArray], counts: Mapping[str, Any]) -> None:
        super().load(state, counts)
        scaler = self.trainer._amp_loss_scaler
        scaler._loss_scale = scaler._next_loss_scale = counts["loss_scale"]
        scaler._unskipped = counts["unskipped"]
