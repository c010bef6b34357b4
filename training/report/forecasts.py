"""Report sections for jobs that forecast failure: is the probability to be trusted, and how a unit's life was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from training.prognostics.answers import CAP, LIFE, REMAINING, REMAINING_KNOWN, UNIT, look_up
from training.prognostics.metrics import ReliabilityBin, brier, brier_skill, calibration_error, reliability
from training.prognostics.preparation import Preparation
from training.report.charts import Series, line_chart
from training.report.tables import table
from training.trainer.recipe import Array, Result, Section

SHOWN_UNITS = 4
STAND_IN = (
    "<p>There are no test files: every score called test on this page is that of the validation units, which stand in "
    "for them, and is a little too good.</p>"
)


def _judging(result: Result) -> str:
    """Which units the report tells of: where the log has no test files, those of the validation stand in."""
    return "validation" if np.array_equal(result.valid.y, result.test.y) else "test"


def reliability_section(result: Result) -> Section:
    """Of all rows to which the net gave about 30 %, did 30 % fail within the horizon?"""
    asked = Preparation.from_json(result.data.keep).questions.each()
    if len(asked) == 1:
        title = f"Probability of failure within {_in_units(result, asked[0].horizon)}: is it to be trusted?"
        return Section(title, _reliability(result, 0))
    parts = [
        f"<h3>{escape(one.in_words(_unit(result)))}</h3>{_reliability(result, place)}"
        for place, one in enumerate(asked)
    ]
    return Section("Probability of failure: is it to be trusted?", "".join(parts))


def _reliability(result: Result, question: int) -> str:
    said, happened, _ = look_up(result.test.outputs, result.test.y, question)
    curve, split = reliability(said, happened), _judging(result)
    chart = line_chart(
        [Series(f"{split} rows", [(one.said, one.happened) for one in curve], "both")],
        x_label="probability said",
        y_label="share that failed in time",
        logarithmic=False,
        diagonal=True,
        y_range=(0.0, 1.0),
    )
    stands_in = "" if split == "test" or question else STAND_IN
    text = (
        f"<p>On the dashed line, what was said is what happened. {len(said):,} {split} rows; mean distance from the "
        f"line {calibration_error(curve):.4f}. Brier score <b>{brier(said, happened):.4f}</b>; always saying the base "
        f"rate has {_base_rate(happened):.4f}, so the skill is {brier_skill(said, happened):.2f}. Rows of one unit "
        "resemble each other: the middle bins rest on few units.</p>" + stands_in
    )
    return f"{text}<div class=two>{chart}{_bins(curve)}</div>"


def _in_units(result: Result, length: float) -> str:
    """ "48 hours": a length of time in the unit of the log's time column."""
    return f"{length:g} {_unit(result)}"


def _unit(result: Result) -> str:
    unit: str = Preparation.from_json(result.data.keep).columns.time_unit
    return unit


def _base_rate(happened: Array) -> float:
    return brier(np.full(len(happened), happened.mean()), happened)


def _bins(curve: tuple[ReliabilityBin, ...]) -> str:
    rows = [(f"{one.said:.2f}", f"{one.happened:.2f}", f"{one.count:,}") for one in curve]
    return table(("said", "happened", "rows"), rows)


def balance_section(result: Result) -> Section:
    """Whom the net learnt from and is judged by, and who is left out because nobody knows the answer."""
    balances = result.data.keep["balance"]
    names = next(iter(balances.values()))
    head = ("units", *(name.replace("_", " ") for name in names))
    rows = [(split, *(f"{count:,}" for count in one.values())) for split, one in balances.items()]
    text = (
        "<p>Failing rows are known to fail within the horizon, lasting rows are known not to. A unit that has not "
        "failed is unanswered where its record is no longer than the horizon: no score speaks of it.</p>"
    )
    answers = _answers_table(result.data.keep.get("answers", {}))
    return Section("Who failed and who did not", text + table(head, rows) + answers)


def _answers_table(answers: Mapping[str, Mapping[str, Sequence[int]]]) -> str:
    """Of several questions: how many rows are known to fail in time, of those known."""
    if not answers:
        return ""
    splits = list(next(iter(answers.values())))
    head = ("rows", *(column for split in splits for column in (f"{split}: failing", "lasting")))
    rows = [
        (escape(question), *(f"{count:,}" for split in splits for count in counts[split]))
        for question, counts in answers.items()
    ]
    return "<p>The units above are counted by the shortest horizon; here is each question.</p>" + table(head, rows)


def life_section(result: Result) -> Section:
    """Remaining life of a few test units, told and true, from their first row to their last."""
    charts = "".join(_life_chart(result, unit) for unit in _choose_units(result.test.y))
    text = (
        f"<p>Some {_judging(result)} units, from the one whose record ends nearest to its failure to the one whose "
        f"record ends farthest from it. Both lines end at the last row; life is told up to "
        f"{escape(_in_units(result, result.config.cap))}.</p>"
    )
    return Section("Remaining life, told and true", f"{text}<div class=two>{charts}</div>")


def _choose_units(y: Array) -> list[int]:
    """Units whose every row has a known answer, in the order of how near to failure their record ends."""
    units = [int(unit) for unit in np.unique(y[:, UNIT]) if y[y[:, UNIT] == unit, REMAINING_KNOWN].all()]
    units.sort(key=lambda unit: float(y[y[:, UNIT] == unit, REMAINING][-1]))
    places = np.unique(np.linspace(0, len(units) - 1, min(SHOWN_UNITS, len(units))).astype(int)) if units else []
    return [units[place] for place in places]


def _life_chart(result: Result, unit: int) -> str:
    here = result.test.y[:, UNIT] == unit
    y, life = result.test.y[here], np.clip(result.test.outputs[here, LIFE], 0.0, result.test.y[0, CAP])
    since = y[0, REMAINING] - y[:, REMAINING]
    true = np.minimum(y[:, REMAINING], y[:, CAP])
    return line_chart(
        [
            Series("told", list(zip(since.tolist(), life.tolist(), strict=True))),
            Series("true", list(zip(since.tolist(), true.tolist(), strict=True))),
        ],
        x_label=f"{_unit(result)} since the first row, unit {unit + 1} of the {_judging(result)} units",
        y_label=f"remaining life, {_unit(result)}",
        logarithmic=False,
        y_range=(0.0, float(y[0, CAP])),
    )
