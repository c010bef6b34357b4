"""What a finished net that forecasts failure is worth: its interval, simple forecasts beside it, what it leans on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data.splits import Split
from training.prognostics.answers import (
    CAP,
    LAST,
    LIFE,
    REMAINING,
    REMAINING_KNOWN,
    UNIT,
    look_up,
    look_up_all,
)
from training.prognostics.baselines import share_better, simple_forecasts
from training.prognostics.importance import Importance, permutation_importance
from training.prognostics.intervals import Coverage, Interval, calibrate, coverage, fit_spread, left_out_coverage
from training.prognostics.metrics import brier, calibration_error, capped_rmse, reliability
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
class QuestionWorth:
    """What the probability of one of several questions is worth, beside simple ones."""

    question: str
    suffix: str
    """What follows the names of its column and its scores."""
    failing: int
    """Rows judged that are known to fail in time."""
    known: int
    brier: float
    base_rate: float
    """The Brier score of always saying how often it happens."""
    calibration_error: float
    simple: str
    """The best simple forecast; empty where there is none."""
    simple_brier: float | None
    net_better: float | None


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
    questions: Sequence[QuestionWorth] = ()
    """Each by itself, where there are several."""


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
        questions=_questions(result, simple),
        tested=tested,
    )
    keep = {"interval": interval.as_json()} if interval else {}
    return Findings(scores=_scores(found), keep=keep, shown=found)


def _scores(found: Examination) -> dict[str, float]:
    scores: dict[str, float] = {}
    if found.coverage:
        scores |= {"interval_coverage": found.coverage.share, "interval_width": found.coverage.width}
    for one in found.questions:
        scores |= {f"brier{one.suffix}": one.brier, f"calibration_error{one.suffix}": one.calibration_error}
        scores |= {f"simple_brier{one.suffix}": one.simple_brier} if one.simple_brier is not None else {}
    return scores | best_simple(found.simple)


def _questions(result: Result, simple: Mapping[str, Array]) -> list[QuestionWorth]:
    prepared = Preparation.from_json(result.data.keep)
    each, suffixes = prepared.questions.each(), prepared.questions.suffixes()
    if len(each) == 1:
        return []
    unit = prepared.columns.time_unit
    return [
        _question_worth(result, simple, place, one.in_words(unit), suffix)
        for place, (one, suffix) in enumerate(zip(each, suffixes, strict=True))
    ]


def _question_worth(
    result: Result, simple: Mapping[str, Array], place: int, question: str, suffix: str
) -> QuestionWorth:
    y = result.test.y
    said, happened, units = look_up(result.test.outputs, y, place)
    theirs = {name: look_up(outputs, y, place)[0] for name, outputs in simple.items()}
    best = min(theirs, key=lambda name: brier(theirs[name], happened)) if theirs else ""
    ours = (said - happened) ** 2
    return QuestionWorth(
        question=question,
        suffix=suffix,
        failing=int(happened.sum()),
        known=len(happened),
        brier=brier(said, happened),
        base_rate=brier(np.full(len(happened), happened.mean()), happened),
        calibration_error=calibration_error(reliability(said, happened)),
        simple=best,
        simple_brier=brier(theirs[best], happened) if best else None,
        net_better=share_better(ours, (theirs[best] - happened) ** 2, units, seed=result.config.seed) if best else None,
    )


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
    """Square errors of the remaining life, and of the probability (of all questions), of the rows where they are
    known.
    """
    told, true, _ = _known_life(outputs, y)
    said, happened, _ = look_up_all(outputs, y)
    return (told - true) ** 2, (said - happened) ** 2


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
    units = y[y[:, REMAINING_KNOWN] > 0, UNIT], look_up_all(outputs, y)[2]
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
    said, happened, _ = look_up_all(outputs, y)
    return brier(said, happened) if len(said) else 0.0
