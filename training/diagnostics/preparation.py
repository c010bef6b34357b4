"""How a job that tells states prepares its cycles, and what its outputs mean: the same in training and in `predict`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.diagnostics.cycles import Cycles
from training.diagnostics.description import Layout
from training.diagnostics.features import Scale, binned
from training.diagnostics.metrics import by_part, log_softmax

Array = NDArray[np.floating]


@dataclass(frozen=True)
class StatePreparation:
    """Travels in data.json, under "keep"."""

    layout: Layout
    states: Mapping[str, tuple[str, ...]]
    """Of each part, the states it was trained to tell."""
    bins: int
    scale: Scale
    temperatures: tuple[float, ...] = ()
    """By what each part's scores are divided, so that their softmax is a probability; empty before calibration."""

    def windows(self, cycles: Cycles) -> Array:
        """(cycles, bins, features) float32, as the net takes them."""
        return self.scale.apply(binned(cycles, bins=self.bins))

    @property
    def sizes(self) -> list[int]:
        return [len(states) for states in self.states.values()]

    def probabilities(self, outputs: Array) -> list[Array]:
        """For each part (cycles, states)."""
        temperatures = self.temperatures or (1.0,) * len(self.states)
        scores = by_part(outputs, self.sizes)
        return [np.exp(log_softmax(part / heat)) for part, heat in zip(scores, temperatures, strict=True)]

    def as_json(self) -> dict[str, Any]:
        return {
            "layout": self.layout.as_json(),
            "states": {part: list(states) for part, states in self.states.items()},
            "bins": self.bins,
            "scale": self.scale.as_json(),
            "temperatures": list(self.temperatures),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StatePreparation:
        """Raises KeyError where *data* does not come from a job that tells states."""
        return cls(
            layout=Layout.from_json(data["layout"]),
            states={part: tuple(states) for part, states in data["states"].items()},
            bins=int(data["bins"]),
            scale=Scale.from_json(data["scale"]),
            temperatures=tuple(map(float, data["temperatures"])),
        )
