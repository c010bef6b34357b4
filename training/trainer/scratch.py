"""The little that the scratch jobs share: weights as plain arrays with gradients, and one step of learning.

What there is to learn (the net, the loss, the update) stands in the job's own file, in NDArray and autograd alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from training.compat import NDArray, mx
from training.config import JobConfig
from training.errors import BadInput
from training.trainer.group import here
from training.trainer.learner import Transform, as_float

Weights = dict[str, NDArray]


def refuse_what_is_not_written_out(config: JobConfig, *keys: str) -> None:
    """A scratch job does what its file says and no more: a key it would not obey is an error, not a silence."""
    defaults = {f.name: f.default for f in fields(config)}
    given = [f"{key}={getattr(config, key)}" for key in keys if getattr(config, key) != defaults[key]]
    if given:
        raise BadInput(f"This scratch job knows nothing of {', '.join(given)}.", "its Gluon twin does")


class ScratchLearner:
    """A net given as functions: net(X, weights) -> outputs, loss(outputs, y) -> (n,), update(weights, lr, n)."""

    def __init__(
        self,
        weights: Weights,
        *,
        net: Callable[[NDArray, Weights], NDArray],
        loss: Callable[[NDArray, NDArray], NDArray],
        update: Callable[[Weights, float, int], None],
        twin: Callable[[], mx.gluon.HybridBlock],
        prepare: Transform = as_float,
        draws: bool = False,
    ) -> None:
        """*twin* makes the Gluon net with the same names and shapes of weights; it is what gets exported."""
        self._weights, self.net, self.loss, self.update = weights, net, loss, update
        self.twin, self.prepare, self.draws, self.home = twin, prepare, draws, mx.cpu()
        if here().size > 1:
            raise BadInput("A scratch job is written out for one worker.", "its Gluon twin takes WORKERS=")
        for weight in weights.values():
            weight.attach_grad()

    def step(self, X: NDArray, y: NDArray, lr: float) -> NDArray:
        with mx.autograd.record():
            loss = self.loss(self.net(self.prepare(X), self._weights), y).sum()
        loss.backward()
        self.update(self._weights, lr, len(X))
        return loss

    def predict(self, X: NDArray) -> NDArray:
        return self.net(self.prepare(X), self._weights)

    def weights(self) -> dict[str, NDArray]:
        return self._weights

    def load_weights(self, weights: Mapping[str, NDArray]) -> None:
        for name, weight in self._weights.items():
            weights[name].copyto(weight)

    def state(self) -> dict[str, NDArray]:
        return {}

    def counts(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, NDArray], counts: Mapping[str, Any]) -> None:
        """Plain gradient descent remembers nothing."""

    def statistics(self) -> dict[str, NDArray]:
        return {}

    def block(self) -> mx.gluon.HybridBlock:
        twin = self.twin()
        twin.initialize()
        for name, parameter in twin._collect_params_with_prefix().items():
            parameter.shape = self._weights[name].shape
            parameter.set_data(self._weights[name])
        return twin
