"""The net that forecasts failure: what it is taught by, and how it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.compat import mx
from training.data.splits import Data
from training.prognostics.answers import (
    CAP,
    LAST,
    LIFE,
    LOG_ODDS,
    REMAINING,
    REMAINING_KNOWN,
    fails,
    fails_known,
    look_up_all,
)
from training.prognostics.forecast import ForecastConfig
from training.prognostics.metrics import brier, calibration_error, capped_rmse, nasa_score, reliability, rmse
from training.prognostics.preparation import Preparation
from training.prognostics.questions import Questions
from training.trainer.learner import GluonLearner, Learner
from training.trainer.recipe import Scores, first_batch

Array = NDArray[np.floating]


def forecast_loss(F: Any, output: Any, y: Any, questions: int = 1) -> Any:
    """Squared error of the remaining life (as a part of the cap, times ten: both parts then weigh about the same) plus
    the cross-entropy of the failure, the mean over all *questions*. What nobody knows costs nothing.
    """

    def column(array: Any, number: int) -> Any:
        return F.squeeze(F.slice_axis(array, axis=1, begin=number, end=number + 1), axis=1)

    def entropy(question: int) -> Any:
        log_odds = column(output, LOG_ODDS + question)
        # log(1 + exp(x)) - x happened, in the form that does not overflow.
        softened = F.Activation(-F.abs(log_odds), act_type="softrelu")
        cost = F.relu(log_odds) - log_odds * column(y, fails(question)) + softened
        return cost * column(y, fails_known(question))

    cap = column(y, CAP)
    error = (column(output, LIFE) - F.minimum(column(y, REMAINING), cap)) / cap
    missed = entropy(0)
    for question in range(1, questions):
        missed = missed + entropy(question)
    if questions > 1:
        missed = missed / questions
    return 10 * F.square(error) * column(y, REMAINING_KNOWN) + missed


def forecast_learner(config: ForecastConfig, data: Data, devices: Sequence[Any]) -> Learner:
    def shift(X: Any) -> Any:
        """Units differ from the day they are made; a net that has seen few must not learn their offsets by heart."""
        return X + mx.nd.random.normal(scale=config.jitter, shape=(len(X), 1, X.shape[2]), ctx=X.context)

    asked = Preparation.from_json(data.keep).questions
    count = len(asked.each())

    def loss(F: Any, output: Any, y: Any) -> Any:
        return forecast_loss(F, output, y, count)

    example = first_batch(data, config)
    return GluonLearner(
        life_net(config, example.shape[2], asked),
        mx.gluon.nn.HybridLambda(loss),
        config,
        devices,
        example=example,
        augment=shift if config.jitter else None,
    )


def life_net(config: ForecastConfig, channels: int, asked: Questions) -> Any:
    """The net that `config` describes, its parameters not made yet."""
    from training.nets.sequence import LifeNet  # a class of MXNet's kind: importing it imports MXNet

    return LifeNet(
        length=config.window,
        channels=channels,
        segment=config.segment,
        hidden=config.hidden,
        dropout=config.dropout,
        cap=config.cap,
        horizons=len(asked.horizons),
        parts=len(asked.parts),
    )


def forecast_scores(outputs: Array, y: Array) -> Scores:
    """Over all rows, of *outputs* (n, 1 + questions) and *y* (n, answers): RMSE of the remaining life; Brier score and
    calibration error of the probability, over all questions."""
    life = y[:, REMAINING_KNOWN] > 0
    said, happened, _ = look_up_all(outputs, y)
    scores = {"brier": brier(said, happened), "calibration_error": calibration_error(reliability(said, happened))}
    if not life.any():
        return scores
    return {"rmse": capped_rmse(outputs[life, LIFE], y[life, REMAINING], cap=float(y[0, CAP])), **scores}


def last_row_scores(outputs: Array, y: Array) -> Scores:
    """The usual practice for C-MAPSS: each unit is judged by the forecast at the last row of its record.

    *outputs*: (n, 1 + questions), *y*: (n, answers), of all rows.
    """
    last = (y[:, LAST] > 0) & (y[:, REMAINING_KNOWN] > 0)
    life, remaining, cap = outputs[last, LIFE], y[last, REMAINING], float(y[0, CAP])
    return {
        "rmse": capped_rmse(life, remaining, cap=cap),
        "rmse_uncapped_truth": rmse(np.clip(life, 0.0, cap), remaining),
        "nasa_score": nasa_score(life, remaining, cap=cap),
        "brier": brier(*look_up_all(outputs[last], y[last])[:2]),
    }
