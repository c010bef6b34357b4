"""Where a run stands, as numbers: with the arrays, all that a checkpoint must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Position:
    """Everything here goes into a checkpoint, as JSON: floats survive it exactly."""

    step: int = 0
    """Steps done in the whole run."""
    epoch: int = 0
    """Epochs done."""
    batch: int = 0
    """Batches done in the present epoch."""
    epoch_loss: float = 0.0
    """Sum of the losses read in the present epoch."""
    pending: list[float] = field(default_factory=list)
    """Losses of the steps since the last log row, one per step."""
    best_score: float | None = None
    best_epoch: int = 0

    def end_step(self) -> None:
        self.step += 1
        self.batch += 1

    def end_epoch(self) -> None:
        self.epoch += 1
        self.batch, self.epoch_loss = 0, 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> Position:
        """Raises TypeError where a key is not one of these."""
        return cls(**recorded)
