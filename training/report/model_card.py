"""CARD.md of the model folder: what a net is for, what it learned from, how good it is and where it ends.

After "Model Cards for Model Reporting" (Mitchell and others, 2019, https://arxiv.org/abs/1810.03993), in plain words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape

from training.console import number, plain
from training.prognostics.intervals import FEWEST_UNITS
from training.prognostics.preparation import Preparation
from training.workdir.model_folder import ARRAYS, FORECAST, IMAGES, Description

MEANINGS = {
    "accuracy": "share of the test examples that were told right; 1 is perfect",
    "loss": "mean loss on the test examples; 0 is perfect",
    "rmse": "root of the mean square error, in the unit of what is told; 0 is perfect",
    "brier": "mean square distance of the probability from what happened; 0 is perfect, 0.25 a coin's",
    "calibration_error": "mean distance between what was said and how often it happened; 0 is perfect",
    "interval_coverage": "share of the rows whose true remaining life lay in the interval, each unit weighing alike",
    "interval_width": "mean width of that interval, in the unit of what is told",
    "simple_rmse": "the best rmse of a simple forecast (age alone, last row), to compare with",
    "simple_brier": "the best Brier score of a simple forecast, to compare with",
    "nasa_score": "NASA's score of remaining life, which punishes late warnings more; 0 is perfect",
}


def model_card(description: Description, facts: Mapping[str, str]) -> str:
    """*facts*: where the run came from, shown as they are."""
    parts = [
        f"# Model card: {_foreign(description.job)}",
        _purpose(description),
        "## What it learned from",
        _table(("what", "value"), ((what, value) for what, value in facts.items() if value)),
        "## How good it is",
        "On the test split, which training never saw, unless the data line above says otherwise.",
        _table(("score", "value", "means"), _scores(description.scores)),
        "## Where it ends",
        "\n".join(f"- {limit}" for limit in _limits(description)),
        "## How it is asked",
        _say_how_to_ask(description),
    ]
    return plain("\n\n".join(part for part in parts if part) + "\n")


def _purpose(described: Description) -> str:
    if described.kind == FORECAST:
        prepared = Preparation.from_json(described.preparation)
        unit, asked = prepared.columns.time_unit, prepared.questions
        within = " and ".join(f"{horizon:g}" for horizon in asked.horizons)
        who = "the unit, and each by itself its " + " and its ".join(asked.parts) + "," if asked.parts else "the unit"
        return (
            f"For each row of a sensor log: the probability that {who} fails within the next {within} "
            f"{unit}, and its remaining life, told up to {prepared.cap:g} {unit}."
        )
    if described.classes:
        what = "picture" if described.kind == IMAGES else "row of numbers"
        return f"For each {what}: the probability of each of {len(described.classes)} classes: " + ", ".join(
            map(_foreign, described.classes)
        )
    return "For each row of numbers: the net's own outputs."


def _scores(scores: Mapping[str, float]) -> Iterable[tuple[str, str, str]]:
    for name, value in scores.items():
        known = [key for key in MEANINGS if name == key or name.startswith(key + "_")]
        yield name, number(value), MEANINGS[max(known, key=len)] if known else ""


def _limits(described: Description) -> Iterable[str]:
    yield "It knows what its training data showed, and nothing else; on other data its scores above say nothing."
    if described.kind == FORECAST:
        yield from _forecast_limits(Preparation.from_json(described.preparation))
    elif described.classes:
        yield "Every input gets one of its classes, also one that is none of them."
        yield "Its probabilities were not calibrated: take them for an order, not for a frequency."


def _forecast_limits(prepared: Preparation) -> Iterable[str]:
    columns, scaling, asked = prepared.columns, prepared.scaling, prepared.questions
    if asked.parts:
        yield "A repair of one part is taken to leave the others as they were."
    if len(asked.each()) > 1:
        named = ", ".join(
            f"`{column}` {one.in_words(columns.time_unit)}"
            for column, one in zip(asked.columns(), asked.each(), strict=True)
        )
        yield f"Its probabilities, none of a longer horizon smaller, none of a part greater than that of any: {named}."
    yield "A probability learnt from past failures knows past ways of failing, of machines of the kind it saw."
    if columns.step:
        yield (
            f"It sees steps of {columns.step_said} ({', '.join(columns.aggregates)} of each channel), not rows; a "
            "step is told when it is over, by the first row after it."
        )
    if columns.samples:
        yield (
            f"It sees measurements, each a file of samples, of which it knows {', '.join(columns.samples.aggregates)} "
            "of each channel."
        )
    what = "steps" if columns.step else "measurements" if columns.samples else "rows"
    yield f"It looks back {prepared.window} {what}; a unit with fewer is judged by what there is (column `rows`)."
    if prepared.interval is None:
        yield f"It gives no interval: that takes {FEWEST_UNITS} validation units whose remaining life is known."
    else:
        yield (
            f"The interval (`low`, `high`) holds the remaining life of a unit like those it was calibrated on, "
            f"{prepared.interval.units} of them, nine times in ten over all rows; not in each single stretch of a life."
        )
    if prepared.carry < float("inf"):
        yield (
            f"A missing value is the last known one for {prepared.carry:g} rows, then the mean; without any channel "
            "there is no forecast."
        )
    left_out = [name for place, name in enumerate(columns.features) if place not in scaling.kept]
    if left_out:
        yield "Channels that told nothing in training and are not looked at: " + ", ".join(map(_foreign, left_out))
    if len(scaling.centres) > 1:
        yield f"It saw {len(scaling.centres)} operating conditions, by {', '.join(map(_foreign, columns.conditions))}."
    if scaling.low.ndim:
        seen = [f"{_foreign(columns.features[place])} {low} to {high}" for place, low, high in _ranges(prepared)]
        yield "What training units showed (beyond it, `outside` counts the channel): " + "; ".join(seen)


def _ranges(prepared: Preparation) -> Iterable[tuple[int, str, str]]:
    """Each kept channel's range in the log's own unit, over all conditions."""
    scaling = prepared.scaling
    for number_, place in enumerate(scaling.kept):
        mean, spread = scaling.mean[:, number_], scaling.spread[:, number_]
        low, high = (mean + spread * end[number_] for end in (scaling.low, scaling.high))
        yield place, f"{low.min():.4g}", f"{high.max():.4g}"


def _say_how_to_ask(described: Description) -> str:
    serve = "`python -m training serve --run RUN` answers over HTTP"
    if described.kind == FORECAST:
        return f"`python -m training predict --run RUN LOG` reads a log; {serve}. docs/deploy.md has other programs."
    shape = " x ".join(map(str, described.pixels.shape if described.pixels else described.input_shape))
    takes = {IMAGES: f"a PNG of {shape}", ARRAYS: f"rows of {shape} numbers"}[described.kind]
    return f"It takes {takes}. {serve}. docs/deploy.md has other programs."


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return _foreign(text).replace("|", "\\|")


def _foreign(text: str) -> str:
    """A name or a path, which may hold anything, as Markdown that shows its letters: neither markup nor a link."""
    shown = re.sub(r"([\\`*\[\]])", r"\\\1", " ".join(text.split()))
    return escape(shown, quote=False)
