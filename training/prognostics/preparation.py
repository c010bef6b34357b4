"""How a job that forecasts failure prepares its rows: the same in training, in `predict` and in service."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.prognostics.columns import Columns
from training.prognostics.intervals import Interval
from training.prognostics.questions import Questions
from training.prognostics.scaling import Scaling


@dataclass(frozen=True)
class Preparation:
    """How rows were prepared in training; travels in data.json, under "keep"."""

    columns: Columns
    scaling: Scaling
    smooth: float
    window: int
    cap: float
    questions: Questions
    carry: float = math.inf
    """For so many rows a missing value is the last known one; older runs knew no end."""
    past_is_mean: bool = False
    """What stands for the rows before a record begins: the mean; in older runs the first row."""
    interval: Interval | None = None
    """Of the remaining life; None where the run could promise none, and in older runs."""

    @property
    def horizon(self) -> float:
        """The shortest."""
        return self.questions.horizons[0]

    @property
    def channels(self) -> int:
        """How many features a row has."""
        return len(self.columns.features)

    def as_json(self) -> dict[str, Any]:
        return {
            "columns": self.columns.as_json(),
            "scaling": self.scaling.as_json(),
            "smooth": self.smooth,
            "window": self.window,
            "horizon": self.horizon,
            "cap": self.cap,
            "carry": self.carry,
            "past_is_mean": self.past_is_mean,
            **({"interval": self.interval.as_json()} if self.interval else {}),
            **({"horizons": list(self.questions.horizons)} if len(self.questions.horizons) > 1 else {}),
            **({"parts": list(self.questions.parts)} if self.questions.parts else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preparation:
        """Raises KeyError where *data* does not come from a job that forecasts failure."""
        return cls(
            columns=Columns.from_json(data["columns"]),
            scaling=Scaling.from_json(data["scaling"]),
            smooth=float(data.get("smooth", 1.0)),  # older runs did not smooth
            window=int(data["window"]),
            cap=float(data["cap"]),
            carry=float(data.get("carry", math.inf)),
            past_is_mean=bool(data.get("past_is_mean", False)),
            interval=Interval.from_json(data["interval"]) if data.get("interval") else None,
            questions=Questions(
                tuple(map(float, data.get("horizons", (data["horizon"],)))), tuple(map(str, data.get("parts", ())))
            ),
        )
