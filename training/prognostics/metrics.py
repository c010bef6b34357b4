"""How good a forecast of failure is: pure NumPy, no engine.

A forecast of a row is two numbers: the remaining life (in the log's own time unit, capped) and the probability that
the unit fails within the horizon. Remaining life is judged by RMSE and by NASA's score, the probability by the Brier
score and by a reliability curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

# NASA's score punishes a late warning more than an early one. Source: Saxena, Goebel, Simon, Eklund, "Damage
# propagation modeling for aircraft engine run-to-failure simulation", PHM 2008, equation 11.
EARLY_DECAY, LATE_DECAY = 13.0, 10.0


def probability(log_odds: Array) -> Array:
    """0..1 from a net's log-odds, of the same shape."""
    # In double precision: exp(-x) of float32 overflows beyond 88, and a sure net can say that. Beyond 709 it is inf in
    # double precision, too, and the answer 0, as it should be.
    with np.errstate(over="ignore"):
        answer: Array = 1.0 / (1.0 + np.exp(-np.asarray(log_odds, dtype=np.float64)))
    return answer


def capped_rmse(predicted: Array, true: Array, *, cap: float) -> float:
    """Root mean square error of (n,) lives, both sides capped at *cap*: far from failure nothing can tell more."""
    return rmse(np.clip(predicted, 0.0, cap), np.minimum(true, cap))


def rmse(predicted: Array, true: Array) -> float:
    """Root mean square error of (n,) remaining lives, in their unit of time."""
    return float(np.sqrt(np.mean(np.square(predicted - true, dtype=np.float64))))


def nasa_score(predicted: Array, true: Array, *, cap: float) -> float:
    """Sum over (units,) of exp(-d/13)-1 where d = predicted - true is negative, exp(d/10)-1 where not. 0 is perfect."""
    late_by = (np.clip(predicted, 0.0, cap) - np.minimum(true, cap)).astype(np.float64)
    return float(np.sum(np.expm1(np.where(late_by < 0, -late_by / EARLY_DECAY, late_by / LATE_DECAY))))


def brier(probability: Array, happened: Array) -> float:
    """Mean square distance of (n,) probabilities from what happened (0 or 1). 0 is perfect, 0.25 is a coin's."""
    return float(np.mean(np.square(probability - happened, dtype=np.float64)))


def brier_skill(probability: Array, happened: Array) -> float:
    """Of (n,) forecasts: 1 is perfect, 0 no better than always saying the base rate, below 0 worse than that."""
    base = brier(np.full(len(happened), np.mean(happened)), happened)
    return 1.0 - brier(probability, happened) / base if base else 0.0


@dataclass(frozen=True)
class ReliabilityBin:
    """Forecasts of about the same probability: what was said on average, and how often it then happened."""

    count: int
    said: float
    happened: float


def reliability(probability: Array, happened: Array, *, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """(n,) forecasts in bins of equal width over 0..1, empty ones left out. Reliable: happened = said in every bin."""
    place = np.minimum((np.asarray(probability) * bins).astype(int), bins - 1)
    return tuple(
        ReliabilityBin(
            count=int(np.sum(here)), said=float(np.mean(probability[here])), happened=float(np.mean(happened[here]))
        )
        for here in (place == number for number in range(bins))
        if np.any(here)
    )


def calibration_error(curve: tuple[ReliabilityBin, ...]) -> float:
    """Mean distance between said and happened, weighted by how many forecasts a bin holds (0..1)."""
    total = sum(one.count for one in curve)
    return sum(one.count * abs(one.said - one.happened) for one in curve) / total if total else 0.0
