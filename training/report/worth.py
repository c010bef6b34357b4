"""Report sections on what a net that forecasts failure is worth: the interval, simple forecasts, the channels."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from training.prognostics.examination import Examination, QuestionWorth, Rivals
from training.prognostics.intervals import FEWEST_UNITS, LEVEL
from training.report.charts import bar_chart
from training.report.tables import table
from training.trainer.recipe import Result, Section

SURE = 0.95
"""The share of redraws of the units from which on one is called better."""


def interval_section(result: Result) -> Section:
    found: Examination = result.findings
    title = f"Remaining life with an interval of {LEVEL:.0%}"
    if found.interval is None:
        return Section(title, f"<p>{_too_few(found)}</p>")
    words = (
        f"<p>The interval is made to hold the true remaining life (up to the cap, {found.interval.cap:g}) of a unit "
        f"never seen, at a row drawn at random, with a probability of {LEVEL:.0%}. {_say_what_it_held(found)} It was "
        f"calibrated on {found.interval.units} validation units; each unit weighs alike, and the fewer there are, the "
        "wider it is. A row near failure is held less often or more often than one far from it: the promise is that "
        "of all rows together, and of units like these.</p>"
    )
    return Section(title, words)


def _say_what_it_held(found: Examination) -> str:
    if found.coverage is None:
        return "Nothing is left to measure on how often it did."
    who = (
        f"On the {found.coverage.units} test units"
        if found.tested
        else f"On the {found.coverage.units} validation units, each by an interval that the others gave,"
    )
    last = (
        ""
        if found.last_row_coverage is None
        else f" At the last row of each record: <b>{found.last_row_coverage:.0%}</b>."
    )
    return (
        f"{who} it held <b>{found.coverage.share:.1%}</b>, at a mean width of <b>{found.coverage.width:.1f}</b>.{last}"
    )


def _too_few(found: Examination) -> str:
    return (
        f"None is given: a promise of {LEVEL:.0%} needs {FEWEST_UNITS} validation units whose remaining life is known, "
        f"and there are {found.units_for_interval}. A larger held_out=N keeps more of them."
    )


def baseline_section(result: Result) -> Section:
    found: Examination = result.findings
    title = "Is the net worth it?"
    if not found.simple:
        return Section(
            title, "<p>Not told: the package scikit-learn, which makes the simple forecasts, is missing.</p>"
        )
    judged = "test" if found.tested else "validation"
    text = (
        f"<p>{verdict(found)}</p><p>Over all rows of the {judged} units, all taught by the same training rows. "
        "<i>Net better in</i>: the share of 2,000 redraws of the units in which the net's error is the smaller one; "
        "near 50 % these units cannot tell.</p>"
    )
    head = ("forecast", "RMSE of life", "net better in", "Brier score of failure", "net better in")
    rows = [_rival_cells(name, one) for name, one in [("<b>the net</b>", found.net), *found.simple.items()]]
    return Section(title, text + table(head, rows) + _each_question(found.questions))


def _each_question(questions: Sequence[QuestionWorth]) -> str:
    """Of several horizons and parts: which of the probabilities are worth it."""
    if not questions:
        return ""
    head = (
        "question",
        "rows that fail",
        "of",
        "Brier score",
        "always the same",
        "best simple",
        "its score",
        "net better in",
    )
    words = "<p>The Brier scores above are those of all questions together. Each by itself:</p>"
    return words + table(head, map(_question_cells, questions))


def _question_cells(one: QuestionWorth) -> tuple[str, ...]:
    return (
        escape(one.question),
        f"{one.failing:,}",
        f"{one.known:,}",
        f"{one.brier:.4f}",
        f"{one.base_rate:.4f}",
        one.simple or "-",
        "-" if one.simple_brier is None else f"{one.simple_brier:.4f}",
        "" if one.net_better is None else f"{one.net_better:.0%}",
    )


def _rival_cells(name: str, one: Rivals) -> tuple[str, ...]:
    return (
        name,
        "-" if one.rmse is None else f"{one.rmse:.4g}",
        "" if one.net_better_life is None else f"{one.net_better_life:.0%}",
        "-" if one.brier is None else f"{one.brier:.4f}",
        "" if one.net_better_probability is None else f"{one.net_better_probability:.0%}",
    )


def verdict(found: Examination) -> str:
    """In words: whether the net beats the best of the simple forecasts, for the remaining life and the probability."""
    told = []
    lives = {name: one for name, one in found.simple.items() if one.rmse is not None}
    if lives:
        best = min(lives, key=lambda name: lives[name].rmse or 0.0)
        told.append(_judge("Remaining life", best, lives[best].net_better_life))
    chances = {name: one for name, one in found.simple.items() if one.brier is not None}
    if chances:
        best = min(chances, key=lambda name: chances[name].brier or 0.0)
        told.append(_judge("The probability of failure", best, chances[best].net_better_probability))
    return " ".join(told)


def _judge(what: str, best: str, share: float | None) -> str:
    if share is None:
        return ""
    if share >= SURE:
        return f"{what}: <b>the net is worth it</b>; the best simple forecast, {best}, is worse."
    if share <= 1 - SURE:
        return f"{what}: <b>the net is not worth it</b>; {best} is better."
    return f"{what}: <b>these units cannot tell</b> the net from the best simple forecast, {best}."


def importance_section(result: Result) -> Section:
    found: Examination = result.findings
    chart = bar_chart([(one.channel, one.rise) for one in found.importance], label="rise of the error")
    text = (
        "<p>By how much the error on validation rows rises when one channel's windows are dealt out among the rows. "
        "Near 0: the net does without it. Channels that say the same stand in for one another, and each then looks "
        "less important than both are.</p>"
    )
    return Section("Which channels matter", f"{text}{chart}")
