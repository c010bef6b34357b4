"""Report sections for jobs that tell the states of parts: what was taken for what, how sure, and what is worth it."""

from __future__ import annotations

from html import escape

from training.diagnostics.examination import PartFound, StatesFound
from training.report.charts import Series, bar_chart, line_chart
from training.report.images import confusion_table
from training.report.tables import table
from training.report.worth import SURE
from training.trainer.recipe import Result, Section


def worth_section(result: Result) -> Section:
    """Each part's accuracy beside that of a random forest on statistics, and of always saying one state."""
    found: StatesFound = result.findings
    verdicts = " ".join(verdict(part, one) for part, one in found.parts.items())
    text = (
        f"<p>{verdicts}</p><p>The share of {found.cycles:,} test cycles told right. The random forest is given mean, "
        "spread, extremes and slope of each channel. <i>Net better in</i>: the share of 2,000 redraws of the "
        f"{found.groups:,} groups of test cycles in which the net is right more often. <i>One state</i>: always saying "
        "the commonest one.</p>"
    )
    head = ("part", "the net", "random forest", "net better in", "one state")
    rows = [_cells(part, one) for part, one in found.parts.items()]
    return Section("Is the net worth it?", text + table(head, rows))


def _cells(part: str, one: PartFound) -> tuple[str, ...]:
    forest = "-" if one.forest is None else f"{100 * one.forest:.1f}%"
    better = "" if one.net_better is None else f"{one.net_better:.0%}"
    return escape(part), f"{100 * one.accuracy:.1f}%", forest, better, f"{100 * one.commonest:.1f}%"


def verdict(part: str, one: PartFound) -> str:
    """In words: whether the net beats the random forest."""
    name = escape(part)
    if one.forest is None or one.net_better is None:
        return f"{name}: not compared, the package scikit-learn is missing."
    if one.net_better >= SURE:
        return f"{name}: <b>the net is worth it</b>."
    if one.accuracy >= one.forest:
        return f"{name}: <b>a random forest does as well</b>, for all these cycles can tell."
    return f"{name}: <b>take the random forest</b>; it is right more often."


def confusion_section(result: Result) -> Section:
    found: StatesFound = result.findings
    tables = "".join(
        f"<div><h3>{escape(part)}</h3>{confusion_table(one.states, one.confusion)}</div>"
        for part, one in found.parts.items()
    )
    return Section("What was taken for what", f"<p>Test cycles whose state is known.</p><div class=two>{tables}</div>")


def reliability_section(result: Result) -> Section:
    """How sure the net says a state, and how often it is right."""
    found: StatesFound = result.findings
    chart = line_chart(
        [
            Series(part, [(bin.said, bin.happened) for bin in one.reliability], "both")
            for part, one in found.parts.items()
        ],
        x_label="how sure it was said",
        y_label="share that was right",
        logarithmic=False,
        diagonal=True,
        y_range=(0.0, 1.0),
    )
    before = ", ".join(f"{escape(part)} {one.calibration_error_before:.3f}" for part, one in found.parts.items())
    now = ", ".join(f"{escape(part)} {one.calibration_error:.3f}" for part, one in found.parts.items())
    text = (
        "<p>Of all states said with a probability of 80 %, are 80 % right? Each part's scores are divided by a number "
        f"found on validation cycles. Mean distance from the line: <b>{now}</b>; without that: {before}.</p>"
    )
    return Section("Is the probability to be trusted?", text + chart)


def importance_section(result: Result) -> Section:
    found: StatesFound = result.findings
    chart = bar_chart([(one.channel, one.rise) for one in found.importance], label="rise of the mean cross-entropy")
    text = (
        "<p>How much worse the net tells the states of validation cycles when one channel is that of another cycle. "
        "Channels that say the same stand in for one another.</p>"
    )
    return Section("Which channels matter", text + chart)
