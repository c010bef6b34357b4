"""What a finished net that forecasts failure is worth: its interval, simple forecasts beside it, what it leans on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data.splits import Split
from training.prognostics.answers import CAP, FAILS, FAILS_KNOWN, LAST, LIFE, LOG_ODDS, REMAINING, REMAINING_KNOWN, UNIT
from training.prognostics.baselines import share_better, simple_forecasts
from training.prognostics.importance import Importance, permutation_importance
from training.prognostics.intervals import Coverage, Interval, calibrate, coverage, fit_spread, left_out_coverage
from training.prognostics.metrics import brier, capped_rmse, probability
from training.prognostics.preparation import Preparation
from training.trainer.recipe import Findings, Predictions, Result

Array = NDArray[np.floating]
Rows = NDArray[np.bool_]

MOST_ROWS: Final = 20_000
"""Training rows from which the growth of the error is learnt."""


@dataclass(frozen=True)
class Rivals:
    """RMSE of the remaining life and Brier score of the probability, over the same rows."""

    rmse: float | None
    """None where no row's remaining life is known."""
    brier: float | None
    """None where of no row it is known whether it fails in time."""
    net_better_life: float | None = None
    """In what share of redraws of the units the net has the smaller error."""
    net_better_probability: float | None = None


@dataclass(frozen=True)
class Examination:
    interval: Interval | None
    coverage: Coverage | None
    last_row_coverage: float | None
    """Of the units at the last row of their record."""
    units_for_interval: int
    net: Rivals
    simple: Mapping[str, Rivals]
    simple_at_last_row: Mapping[str, Rivals]
    """Of the same forecasts, judged at the last row of each record alone."""
    importance: Sequence[Importance]
    tested: bool
    """False: no test units, the validation units stand in."""


def examine(result: Result) -> Findings:
    tested = result.data.test is not result.data.valid
    interval, covered, at_last, units = _interval(result, tested=tested)
    config = result.config
    simple = simple_forecasts(result.data.train, result.data.test, seed=config.seed, over=config.smooth)
    found = Examination(
        interval=interval,
        coverage=covered,
        last_row_coverage=at_last,
        units_for_interval=units,
        net=_rivals(result.test),
        simple={name: _beside(result, outputs) for name, outputs in simple.items()},
        simple_at_last_row={name: _at_last_row(outputs, result.test.y) for name, outputs in simple.items()},
        importance=_importance(result),
        tested=tested,
    )
    keep = {"interval": interval.as_json()} if interval else {}
    return Findings(scores=_scores(found), keep=keep, shown=found)


def _scores(found: Examination) -> dict[str, float]:
    scores: dict[str, float] = {}
    if found.coverage:
        scores |= {"interval_coverage": found.coverage.share, "interval_width": found.coverage.width}
    return scores | best_simple(found.simple)


def best_simple(simple: Mapping[str, Rivals]) -> dict[str, float]:
    """The scores of the best simple forecasts, each by itself."""
    rmses = [one.rmse for one in simple.values() if one.rmse is not None]
    briers = [one.brier for one in simple.values() if one.brier is not None]
    return ({"simple_rmse": min(rmses)} if rmses else {}) | ({"simple_brier": min(briers)} if briers else {})


def _known_life(outputs: Array, y: Array) -> tuple[Array, Array, Array]:
    """Told and true life up to the cap, and the unit, of the rows whose life is known: (rows,) each."""
    known, cap = y[:, REMAINING_KNOWN] > 0, float(y[0, CAP])
    return np.clip(outputs[known, LIFE], 0.0, cap), np.minimum(y[known, REMAINING], cap), y[known, UNIT]


def _interval(result: Result, *, tested: bool) -> tuple[Interval | None, Coverage | None, float | None, int]:
    cap = float(result.valid.y[0, CAP])
    told, true, units = _known_life(result.valid.outputs, result.valid.y)
    seen = _sample(result.data.train, result.config.seed)
    learnt_told, learnt_true, _ = _known_life(result.net(np.asarray(seen.X)), seen.y)
    if not len(told) or not len(learnt_told):
        return None, None, None, 0
    spread, count = fit_spread(learnt_told, learnt_true, cap=cap), len(np.unique(units))
    interval = calibrate(told, true, units, spread=spread, cap=cap)
    if interval is None:
        return None, None, None, count
    if not tested:
        return interval, left_out_coverage(told, true, units, spread=spread, cap=cap), None, count
    return (
        interval,
        _measure_coverage(interval, result.test, np.ones(len(result.test.y), bool)),
        _at_last(interval, result),
        count,
    )


def _measure_coverage(interval: Interval, found: Predictions, rows: Rows) -> Coverage | None:
    told, true, units = _known_life(found.outputs[rows], found.y[rows])
    return coverage(*interval.around(told), true, units) if len(told) else None


def _at_last(interval: Interval, result: Result) -> float | None:
    last = result.test.y[:, LAST] > 0
    covered = _measure_coverage(interval, result.test, last) if last.any() else None
    return covered.share if covered else None


def _sample(split: Split, seed: int) -> Split:
    return split[np.sort(np.random.RandomState(seed).permutation(len(split))[:MOST_ROWS])]


def _errors(outputs: Array, y: Array) -> tuple[Array, Array]:
    """Square errors of the remaining life, and of the probability, of the rows where they are known."""
    told, true, _ = _known_life(outputs, y)
    fails = y[:, FAILS_KNOWN] > 0
    return (told - true) ** 2, (probability(outputs[fails, LOG_ODDS]) - y[fails, FAILS]) ** 2


def _rivals(found: Predictions) -> Rivals:
    life, fails = _errors(found.outputs, found.y)
    return Rivals(
        rmse=float(np.sqrt(life.mean())) if len(life) else None, brier=float(fails.mean()) if len(fails) else None
    )


def _at_last_row(outputs: Array, y: Array) -> Rivals:
    last = y[:, LAST] > 0
    return _rivals(Predictions(outputs[last], y[last]))


def _beside(result: Result, outputs: Array) -> Rivals:
    y, seed = result.test.y, result.config.seed
    ours, theirs = _errors(result.test.outputs, y), _errors(outputs, y)
    units = y[y[:, REMAINING_KNOWN] > 0, UNIT], y[y[:, FAILS_KNOWN] > 0, UNIT]
    life, fails = (
        share_better(mine, other, unit, seed=seed) if len(unit) else None
        for mine, other, unit in zip(ours, theirs, units, strict=True)
    )
    alone = _rivals(Predictions(outputs, y))
    return Rivals(alone.rmse, alone.brier, net_better_life=life, net_better_probability=fails)


def _importance(result: Result) -> list[Importance]:
    prepared = Preparation.from_json(result.data.keep)
    names = [prepared.columns.features[place] for place in prepared.scaling.kept]
    return permutation_importance(result.net, result.data.valid, names, _error(result), seed=result.config.seed)


def _error(result: Result) -> Callable[[Array, Array], float]:
    """RMSE where validation knows remaining lives; else the Brier score."""
    if (result.data.valid.y[:, REMAINING_KNOWN] > 0).any():
        return _life_error
    return _failure_error


def _life_error(outputs: Array, y: Array) -> float:
    known = y[:, REMAINING_KNOWN] > 0
    return capped_rmse(outputs[known, LIFE], y[known, REMAINING], cap=float(y[0, CAP])) if known.any() else 0.0


def _failure_error(outputs: Array, y: Array) -> float:
    known = y[:, FAILS_KNOWN] > 0
    return brier(probability(outputs[known, LOG_ODDS]), y[known, FAILS]) if known.any() else 0.0
