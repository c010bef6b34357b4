"""lessons/progress.html: what is done, attempts, minutes, and what comes next. A file; no server, no account."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape

from training.lessons.catalog import LESSONS, Lesson
from training.lessons.progress import Progress, Standing
from training.lessons.words import to_type
from training.report.style import CSS
from training.report.tables import table

FILE = "progress.html"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Ten lessons</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{css}
progress{{width:100%;height:.8rem;accent-color:var(--s3)}}</style></head>
<body><main><header><h1>Ten lessons</h1>
<p>{done} of {all} done, {minutes} minutes so far.</p></header>
<section><h2>Next</h2><p><b>{next}</b></p><progress max="{all}" value="{done}">{done} of {all}</progress></section>
<section>{table}
<p>Minutes are those between two looks at a lesson; pauses of more than half an hour are left out.</p></section>
</main></body></html>
"""


def page(progress: Progress) -> str:
    done = [lesson for lesson in LESSONS if progress.of(lesson).solved_at]
    return _PAGE.format(
        done=len(done),
        all=len(LESSONS),
        minutes=sum(progress.of(lesson).minutes for lesson in LESSONS),
        next=_with_code(escape(advice(progress))),
        css=CSS,
        table=table(
            ("lesson", "state", "attempts", "minutes"), [_cells(lesson, progress.of(lesson)) for lesson in LESSONS]
        ),
    )


def advice(progress: Progress) -> str:
    """What to do next, in one sentence."""
    lesson = progress.next()
    if lesson is None:
        return f"your own log: {to_type('train', job='sensors')}, docs/sensors.md"
    if not progress.of(lesson).opened_at:
        return f"lesson {lesson.number}, {lesson.title}: {to_type('lesson', n=lesson.number)}"
    return f"go on with lesson {lesson.number}, {lesson.title}: {to_type('lesson-check', n=lesson.number)}"


def state(standing: Standing) -> str:
    if standing.solved_at:
        return f"done {datetime.fromtimestamp(standing.solved_at):%Y-%m-%d}"
    return "begun" if standing.opened_at else "-"


def _with_code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def _cells(lesson: Lesson, standing: Standing) -> tuple[str, ...]:
    numbers = (str(value or "") for value in (standing.attempts, standing.minutes))
    return (f"{lesson.number}. {escape(lesson.title)}", state(standing), *numbers)
