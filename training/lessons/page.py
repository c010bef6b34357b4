"""lessons/progress.html: what is done, attempts, minutes, and what comes next. A file; no server, no account."""

from __future__ import annotations

from datetime import datetime
from html import escape

from training.lessons.catalog import LESSONS, Lesson
from training.lessons.progress import Progress, Standing

FILE = "progress.html"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Ten lessons</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} th, td {{ text-align: left; padding: .35rem .6rem }}
tr {{ border-bottom: 1px solid #8884 }} td.number {{ text-align: right }} .bar {{ background: #8883; height: .6rem }}
.bar > div {{ background: #2a8; height: 100%; width: {percent}% }}
</style>
<h1>Ten lessons</h1>
<p>{done} of {all} done, {minutes} minutes so far.</p><div class="bar"><div></div></div>
<p><strong>Next:</strong> {next}</p>
<table><tr><th>lesson<th>state<th>attempts<th>minutes</tr>
{rows}
</table>
<p>Minutes are those between two looks at a lesson; pauses of more than half an hour are left out.</p>
</html>
"""


def page(progress: Progress) -> str:
    done = [lesson for lesson in LESSONS if progress.of(lesson).solved_at]
    return _PAGE.format(
        done=len(done),
        all=len(LESSONS),
        percent=100 * len(done) // len(LESSONS),
        minutes=sum(progress.of(lesson).minutes for lesson in LESSONS),
        next=escape(advice(progress)),
        rows="\n".join(_row(lesson, progress.of(lesson)) for lesson in LESSONS),
    )


def advice(progress: Progress) -> str:
    """What to do next, in one sentence."""
    lesson = progress.next()
    if lesson is None:
        return "your own log: `make train JOB=sensors`, docs/sensors.md"
    if not progress.of(lesson).opened_at:
        return f"lesson {lesson.number}, {lesson.title}: `make lesson N={lesson.number}`"
    return f"go on with lesson {lesson.number}, {lesson.title}: `make lesson-check N={lesson.number}`"


def state(standing: Standing) -> str:
    if standing.solved_at:
        return f"done {datetime.fromtimestamp(standing.solved_at):%Y-%m-%d}"
    return "begun" if standing.opened_at else "-"


def _row(lesson: Lesson, standing: Standing) -> str:
    numbers = "".join(f'<td class="number">{value or ""}' for value in (standing.attempts, standing.minutes))
    return f"<tr><td>{lesson.number}. {escape(lesson.title)}<td>{state(standing)}{numbers}</tr>"
