"""What is asked about each row of a log: does the unit, or one of its parts, fail within a horizon?

The first question is that of any failure within the shortest horizon. A net answers all of them at once
(nets/sequence.py), so that a longer horizon never has the smaller probability, and no part a greater one than the unit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.answers import fails, fails_known
from training.prognostics.windows import EVERY, Rows, UnitLog, targets

Array = NDArray[np.floating]
Counts = NDArray[np.int64]

NO_NAME: Final = re.compile(r"[^\w.-]+")
"""What a part's name has and a column's should not."""


@dataclass(frozen=True)
class Question:
    horizon: float
    part: str = ""
    number: int | None = None
    """Of the part, from 0; None: any failure."""

    def in_words(self, time_unit: str) -> str:
        """ "bearing within 48 hours" """
        return f"{'any failure' if self.number is None else self.part} within {self.horizon:g} {time_unit}"


@dataclass(frozen=True)
class Questions:
    horizons: tuple[float, ...]
    """In the log's unit of time, rising."""
    parts: tuple[str, ...] = ()

    def each(self) -> list[Question]:
        whole = [Question(horizon) for horizon in self.horizons]
        return whole + [Question(h, part, number) for number, part in enumerate(self.parts) for h in self.horizons]

    def suffixes(self) -> list[str]:
        """What follows a name that is one for each question: "", or "_48", "_bearing", "_bearing_48"."""
        several = len(self.horizons) > 1
        return [
            ("" if one.number is None else "_" + NO_NAME.sub("_", one.part)) + (f"_{one.horizon:g}" if several else "")
            for one in self.each()
        ]

    def columns(self) -> list[str]:
        """What the probabilities are called that `predict` prints."""
        return [f"probability{suffix}" for suffix in self.suffixes()]


def answer(y: Array, log: UnitLog, questions: Questions, rows: Rows) -> None:
    """Put into *y* (rows, answers) what is known of each question but the first, of those *rows* of *log*."""
    for place, question in enumerate(questions.each()):
        if place:
            y[:, fails(place)], y[:, fails_known(place)] = _answers_to(question, log, rows)


def _answers_to(question: Question, log: UnitLog, rows: Rows = EVERY) -> tuple[Array, Array]:
    """(happens, known), each (rows,)"""
    if question.number is None:
        asked = targets(log, cap=question.horizon, horizon=question.horizon, rows=rows)
        return asked.fails, asked.fails_known
    times = log.times[rows]
    remaining = log.parts_fail_at[question.number] - times
    if np.isfinite(log.parts_fail_at[question.number]):
        return (remaining <= question.horizon).astype(np.float32), np.ones(len(remaining), dtype=np.float32)
    # The part ran on for as long as the machine was watched, through repairs of the others.
    lasted = log.watched_until - times > question.horizon
    return np.zeros(len(lasted), dtype=np.float32), lasted.astype(np.float32)


def count_answers(logs: Sequence[UnitLog], questions: Questions) -> Counts:
    """(questions, 2): how many rows are known to fail in time, and how many not to."""
    found = np.zeros((len(questions.each()), 2), dtype=np.int64)
    for log in logs:
        for place, question in enumerate(questions.each()):
            happens, known = _answers_to(question, log)
            found[place] += int(happens.sum()), int(known.sum() - happens.sum())
    return found


def refuse_unanswered(counts: dict[str, Counts], questions: Questions, *, time_unit: str, source: str) -> None:
    """Raises BadData where training knows one answer only to one of several questions, or a score would rest on one."""
    for place, question in enumerate(questions.each()):
        what = question.in_words(time_unit)
        for split, count in counts.items():
            failing, lasting = count[place].tolist()
            if not lasting or (split == "training" and not failing):
                word = "not to have" if failing else "to have"
                raise BadData(
                    f"{source}: {what}: no row of the {split} units is known {word} one",
                    "Leave that horizon or part out, or take longer records with more failures.",
                )


def as_json(counts: dict[str, Counts], questions: Questions, time_unit: str) -> dict[str, dict[str, list[int]]]:
    """By question and split: rows known to fail in time, and known not to."""
    return {
        question.in_words(time_unit): {split: count[place].tolist() for split, count in counts.items()}
        for place, question in enumerate(questions.each())
    }


def describe(counts: dict[str, dict[str, list[int]]]) -> list[str]:
    """A line for each question."""

    def of_one(splits: dict[str, Any]) -> str:
        return ", ".join(
            f"{split} {failing:,} of {failing + lasting:,}" for split, (failing, lasting) in splits.items()
        )

    return [f"{question}: rows known to: {of_one(splits)}" for question, splits in counts.items()]
