"""What simple forecasts reach on the same split: who has a net should know whether it is worth it.

Always the same answer; the age alone; straight lines on the last row; boosted trees on the last row. All by
scikit-learn, with its own settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.data.splits import Split
from training.data.windows import Windows
from training.prognostics.answers import (
    AGE,
    CAP,
    LOG_ODDS,
    REMAINING,
    REMAINING_KNOWN,
    count_questions,
    fails,
    fails_known,
)

Array = NDArray[np.floating]

MOST_ROWS: Final = 20_000
"""Simple forecasts learn no more from more rows, drawn at random."""

CERTAIN: Final = 1e-6

Features = Callable[[Split], Array]
"""What a forecast sees of each window: (n, features)."""


def age(split: Split) -> Array:
    """(n, 1): how long each unit has run, in the log's unit of time."""
    return split.y[:, [AGE]]


def last_row(split: Split, *, over: float = 1.0) -> Array:
    """(n, channels): the newest row of each window, scaled, as it was measured. A running mean *over* so many rows is
    taken back, for it lags behind a machine that wears: on C-MAPSS FD001 the trees' RMSE at the last row is 22.2
    with it and 17.8 without.
    """
    X = split.X
    if not isinstance(X, Windows):
        return np.asarray(X[:, -1])
    last, before = X.earlier(0), X.earlier(1)
    weight = np.minimum(over, np.maximum(X.ends - X.begins, 1)).astype(np.float32)
    return np.asarray(before + (last - before) * weight[:, None])


@dataclass(frozen=True)
class Baseline:
    """A way to forecast remaining life (a regressor) and failure in time (a classifier) from *features*."""

    features: Features
    regressor: Callable[[], Any]
    classifier: Callable[[], Any]


def _baselines(over: float) -> dict[str, Baseline]:
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer, StandardScaler

    measured = partial(last_row, over=over)

    def bent() -> Any:
        """The age as a line with bends: what one would read off a table of past lives."""
        return make_pipeline(SplineTransformer(n_knots=6, degree=1, extrapolation="constant"), StandardScaler())

    return {
        "always the same": Baseline(age, DummyRegressor, lambda: DummyClassifier(strategy="prior")),
        "the age alone": Baseline(
            age,
            lambda: make_pipeline(bent(), Ridge()),
            lambda: make_pipeline(bent(), LogisticRegression(max_iter=1000)),
        ),
        "straight lines on the last row": Baseline(
            measured,
            lambda: make_pipeline(StandardScaler(), Ridge()),
            lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        ),
        "boosted trees on the last row": Baseline(
            measured,
            lambda: HistGradientBoostingRegressor(random_state=0),
            lambda: HistGradientBoostingClassifier(random_state=0),
        ),
    }


def simple_forecasts(train: Split, judged: Split, *, seed: int, over: float = 1.0) -> Mapping[str, Array]:
    """What each baseline says of *judged*: (n, outputs), remaining life and log-odds of each question, as a
    net's. The rows of both splits are running means *over* so many.

    Empty where scikit-learn is not installed.
    """
    if find_spec("sklearn") is None:
        return {}
    from threadpoolctl import threadpool_limits

    rows = np.sort(np.random.RandomState(seed).permutation(len(train))[:MOST_ROWS])
    # On a busy machine the threads of the trees wait for one another: 40 s instead of 1.
    with threadpool_limits(1):
        return {name: _forecast(one, train[rows], judged) for name, one in _baselines(over).items()}


def _forecast(baseline: Baseline, train: Split, judged: Split) -> Array:
    seen, asked = baseline.features(train), baseline.features(judged)
    life, questions = train.y[:, REMAINING_KNOWN] > 0, count_questions(train.y)
    cap = float(train.y[0, CAP])
    outputs = np.zeros((len(judged), 1 + questions), dtype=np.float64)
    if life.any():
        model = baseline.regressor().fit(seen[life], np.minimum(train.y[life, REMAINING], cap))
        outputs[:, 0] = np.ravel(model.predict(asked))
    for question in range(questions):
        known = train.y[:, fails_known(question)] > 0
        happened = train.y[known, fails(question)] > 0
        outputs[:, LOG_ODDS + question] = _log_odds(baseline, seen[known], happened, asked)
    return outputs


def _log_odds(baseline: Baseline, seen: Array, happened: NDArray[np.bool_], asked: Array) -> Array:
    if happened.any() and not happened.all():
        p = baseline.classifier().fit(seen, happened).predict_proba(asked)[:, 1]
    else:
        p = np.full(len(asked), happened.mean() if len(happened) else 0.0)
    p = np.clip(p, CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log(p / (1 - p)))


REDRAWS: Final = 2000


def share_better(ours: Array, theirs: Array, units: Array, *, seed: int) -> float:
    """In what share of redraws of the units the mean of *ours* (rows,) is below that of *theirs*: 0..1.

    Whole units are drawn, with replacement, for rows of one unit resemble each other.
    Source: Efron, Tibshirani, "An introduction to the bootstrap", 1993.
    """
    _, place = np.unique(units, return_inverse=True)
    excess = np.bincount(place.ravel(), weights=np.asarray(ours, dtype=np.float64) - theirs)
    random, count = np.random.RandomState(seed), len(excess)
    return float(np.mean([excess[random.randint(0, count, count)].sum() < 0 for _ in range(REDRAWS)]))
