"""How far a log has left what training saw: counted row by row, said once at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.prognostics.preparation import Preparation
from training.prognostics.scaling import MARGIN

Array = NDArray[np.floating]

WORTH_A_LINE: Final = 0.01
"""The share of rows that is said: a machine may be odd for a moment."""

SHOWN: Final = 3


@dataclass
class Drift:
    prepared: Preparation
    rows: int = 0
    outside: int = 0
    """Rows with a channel beyond what training saw, or run as no training unit was."""
    below: NDArray[np.int64] = field(init=False)
    above: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        kept = len(self.prepared.scaling.kept)
        self.below, self.above = np.zeros(kept, dtype=np.int64), np.zeros(kept, dtype=np.int64)

    def add(self, scaled: Array, outside: NDArray[np.intp]) -> None:
        """*scaled* (rows, kept), and for each row what Scaling.outside says of it."""
        scaling = self.prepared.scaling
        self.rows += len(scaled)
        self.outside += int(np.count_nonzero(outside))
        self.below += np.count_nonzero(scaled < scaling.low - MARGIN, axis=0)
        self.above += np.count_nonzero(scaled > scaling.high + MARGIN, axis=0)

    def note(self) -> str:
        """Empty where all is as training saw it."""
        if self.outside <= WORTH_A_LINE * self.rows:
            return ""
        which = "; ".join(self._channels()) or "the conditions are none that training knew"
        return (
            f"{self.outside:,} of {self.rows:,} rows ({self.outside / self.rows:.0%}) are outside what training saw: "
            f"{which}. What the net says of them it has not learnt: look at the sensors, or train again with such rows."
        )

    def _channels(self) -> list[str]:
        names = [self.prepared.columns.features[place] for place in self.prepared.scaling.kept]
        sides = [
            (int(count), f"{name} {side} in {count:,}")
            for side, counts in (("below", self.below), ("above", self.above))
            for name, count in zip(names, counts, strict=True)
            if count
        ]
        return [words for _, words in sorted(sides, key=lambda one: -one[0])[:SHOWN]]
