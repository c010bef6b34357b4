"""What the loop drives: something that takes one step on a batch, predicts, and can be put into a checkpoint.

`GluonLearner` serves every job whose net is a Gluon block. The scratch jobs bring their own (scratch.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from training.compat import NDArray, mx
from training.config import JobConfig
from training.nets.channel_blocks import block_here
from training.trainer.group import here
from training.trainer.optim import TrainerUpdate, Update

Transform = Callable[[NDArray], NDArray]


def as_float(X: NDArray) -> NDArray:
    """The default `prepare`: any shape and type to float32 of that shape."""
    return X.astype("float32", copy=False)


class Learner(Protocol):
    """Arrays given to `step` and `predict` lie where `home` says; what they return is not yet read from the device."""

    home: Any
    """The context on which the loop keeps the data and cuts its batches."""
    prepare: Transform
    """Makes of a raw batch what the net takes."""
    draws: bool
    """Whether a step draws random numbers (dropout, augmentation): then the loop reseeds before each step."""

    def step(self, X: NDArray, y: NDArray, lr: float) -> NDArray:
        """Learn from one batch, X (n, ...) and y (n,) or (n, k); return the sum of its n losses, shape (1,)."""

    def predict(self, X: NDArray) -> NDArray:
        """Outputs for one batch: X (n, ...) to (n, ...) float32."""

    def weights(self) -> dict[str, NDArray]:
        """Everything the net consists of, by structural name ("0.weight"), each in its own shape."""

    def load_weights(self, weights: Mapping[str, NDArray]) -> None:
        """Take back what `weights` gave. Raises KeyError when one is missing."""

    def state(self) -> dict[str, NDArray]:
        """The optimizer's arrays: with `weights` and `counts`, all that a checkpoint must hold."""

    def counts(self) -> dict[str, Any]:
        """The optimizer's numbers, JSON-able."""

    def load_state(self, state: Mapping[str, NDArray], counts: Mapping[str, Any]) -> None:
        """Take back what `state` and `counts` gave."""

    def statistics(self) -> dict[str, NDArray]:
        """Of `weights` those that no gradient moves: running means, which each worker has of its own examples."""

    def block(self) -> mx.gluon.HybridBlock:
        """The net with the present weights, for export."""


class GluonLearner:
    """A Gluon net on one device, or on several with the batch split among them."""

    def __init__(
        self,
        net: mx.gluon.HybridBlock,
        loss: mx.gluon.HybridBlock,
        config: JobConfig,
        devices: Sequence[Any],
        *,
        example: NDArray,
        prepare: Transform = as_float,
        augment: Transform | None = None,
        update: Callable[..., Update] = TrainerUpdate,
        initializer: Any = None,
    ) -> None:
        """*example* is one raw batch: it settles the sizes of deferred parameters."""
        from training.nets.whole import NetWithLoss  # a class of MXNet's kind: importing it imports MXNet

        self.net, self.devices, self.prepare, self.augment = net, list(devices), prepare, augment
        # Several devices: batches are cut in host memory and each device is sent its share.
        self.home = self.devices[0] if len(self.devices) == 1 else mx.cpu()
        # sgld adds noise to each update.
        self.draws = augment is not None or _has_dropout(net) or config.optimizer == "sgld"
        mx.random.seed(config.seed)
        net.initialize(initializer or mx.init.Xavier(), ctx=self.devices)
        on_cpu = all(device.device_type == "cpu" for device in self.devices)
        self._whole = NetWithLoss(net, loss, block=block_here() if on_cpu else 1)
        self._whole.hybridize(static_alloc=True, static_shape=True)
        for device in self.devices:
            net(prepare(example.as_in_context(device)))
        # In the order of the net. By name Gluon would sort "dense9_weight" behind "dense10_weight", and names count
        # every block ever made: a resumed run would give the optimizer's state to other weights.
        self.update = update(list(dict.fromkeys(self._parameters().values())), config, self.devices)

    def step(self, X: NDArray, y: NDArray, lr: float) -> NDArray:
        """One step: the batch, shared among the devices; the loss recorded; its gradients; the weights moved.

        X (n, ...) and y (n,) or (n, k) lie at `home`; returns the sum of the n losses, those of other workers
        added, shape (1,), not yet computed.
        """
        losses = []
        for X_share, y_share in zip(self._split(X), self._split(y), strict=True):
            inputs = self.prepare(self.augment(X_share) if self.augment is not None else X_share)
            with mx.autograd.record():
                loss = self._whole(inputs, y_share)
                with self.update.scale(loss) as scaled:
                    mx.autograd.backward(scaled)
            losses.append(loss)
        self.update.apply(len(X), lr)  # the gradients are sums over the shares, so the batch's size divides them
        return here().total(_add(losses))

    def _split(self, batch: NDArray) -> list[NDArray]:
        if len(self.devices) == 1:
            return [batch]
        return list(mx.gluon.utils.split_and_load(batch, self.devices, even_split=False))

    def predict(self, X: NDArray) -> NDArray:
        """X (n, ...) to (n, ...) float32."""
        # Mixed precision answers in 16 bits, which NumPy may not know (bfloat16).
        return self.net(self.prepare(X.as_in_context(self.devices[0]))).astype("float32", copy=False)

    def weights(self) -> dict[str, NDArray]:
        return {name: p.data(self.devices[0]) for name, p in self._parameters().items()}

    def load_weights(self, weights: Mapping[str, NDArray]) -> None:
        for name, p in self._parameters().items():
            p.set_data(weights[name])

    def state(self) -> dict[str, NDArray]:
        return self.update.state()

    def counts(self) -> dict[str, Any]:
        return self.update.counts()

    def load_state(self, state: Mapping[str, NDArray], counts: Mapping[str, Any]) -> None:
        self.update.load(state, counts)

    def statistics(self) -> dict[str, NDArray]:
        parameters = self._parameters().items()
        return {name: p.data(self.devices[0]) for name, p in parameters if p.grad_req == "null"}

    def block(self) -> mx.gluon.HybridBlock:
        return self.net

    def _parameters(self) -> dict[str, Any]:
        # Structural names ("0.weight") stay the same in every process; collect_params() counts blocks ever made.
        return dict(self.net._collect_params_with_prefix())


def _add(losses: Sequence[NDArray]) -> NDArray:
    first = losses[0]
    return first if len(losses) == 1 else mx.nd.add_n(*(loss.as_in_context(first.context) for loss in losses))


def _has_dropout(block: mx.gluon.Block) -> bool:
    rates = (getattr(block, "_rate", 0), getattr(block, "_dropout", 0))
    return any(isinstance(rate, float) and rate > 0 for rate in rates) or any(
        map(_has_dropout, block._children.values())
    )
