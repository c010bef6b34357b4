"""What is asked about a window, and what is answered: the columns of y and of a net's output."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.prognostics.metrics import probability

Array = NDArray[np.floating]

REMAINING, REMAINING_KNOWN, FAILS, FAILS_KNOWN, CAP, UNIT, LAST, AGE = range(8)
"""Columns of y. UNIT counts the units of a split from 0; LAST is 1 in the last row of a unit's record; AGE is the time
since its first row. Further questions (questions.py) have two columns each behind these.
"""
ONE_QUESTION = 8

LIFE, LOG_ODDS = range(2)
"""Columns of what the net says; of further questions the log-odds stand behind these."""


def width(questions: int) -> int:
    """How many columns y has."""
    return ONE_QUESTION + 2 * (questions - 1)


def count_questions(y: Array) -> int:
    """How many are asked about the rows of *y* (n, answers)."""
    return (y.shape[1] - ONE_QUESTION) // 2 + 1


def fails(question: int) -> int:
    """The column of y: 1 where it happens within that question's horizon."""
    return FAILS if question == 0 else ONE_QUESTION + 2 * (question - 1)


def fails_known(question: int) -> int:
    return FAILS_KNOWN if question == 0 else fails(question) + 1


def is_known(y: Array) -> NDArray[np.bool_]:
    """Of which rows of *y* (n, answers) anything is known."""
    known = y[:, REMAINING_KNOWN] + y[:, FAILS_KNOWN] > 0
    for question in range(1, count_questions(y)):
        known |= y[:, fails_known(question)] > 0
    return np.asarray(known)


def look_up(outputs: Array, y: Array, question: int) -> tuple[Array, Array, Array]:
    """Probability, whether it happened, and the unit, (rows,) each: of the rows of *outputs* (n, 1 + questions) and *y*
    (n, answers) where that is known.
    """
    known = y[:, fails_known(question)] > 0
    return probability(outputs[known, LOG_ODDS + question]), y[known, fails(question)], y[known, UNIT]


def look_up_all(outputs: Array, y: Array) -> tuple[Array, Array, Array]:
    """As look_up of *outputs* (n, 1 + questions), *y* (n, answers), the rows of each question one after the
    other.
    """
    each = [look_up(outputs, y, question) for question in range(count_questions(y))]
    said, happened, units = (np.concatenate(part) for part in zip(*each, strict=True))
    return said, happened, units
