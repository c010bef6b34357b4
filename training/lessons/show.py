"""What the learner reads: the list of lessons, and a verdict."""

from __future__ import annotations

from pathlib import Path

from training.lessons.catalog import LESSONS, Lesson
from training.lessons.page import advice, state
from training.lessons.progress import Progress
from training.lessons.sandbox import Checked


def overview(progress: Progress) -> str:
    lines = [f"{'':4}{'lesson':<48}{'state':<17}{'attempts':>8}{'minutes':>9}"]
    for lesson in LESSONS:
        standing = progress.of(lesson)
        numbers = f"{standing.attempts or '':>8}{standing.minutes or '':>9}"
        lines.append(f"{lesson.number:>2}  {lesson.title:<48}{state(standing):<17}{numbers}".rstrip())
    return "\n".join([*lines, "", f"Next: {advice(progress)}"])


def verdict(lesson: Lesson, path: Path, checked: Checked) -> str:
    """What is right, what is missing and why it matters, one next step."""
    judged = checked.verdict
    total = len(judged.right) + judged.left + (judged.hint is not None)
    lines = [f"Lesson {lesson.number}, {lesson.title}: {len(judged.right)} of {total} right", ""]
    lines += [f"  right    {says}" for says in judged.right]
    if judged.hint is not None:
        lines.append(f"  missing  {judged.hint.missing}")
        if judged.message:
            lines += _where(path, judged.line, judged.code, judged.message)
        lines += [f"  why      {judged.hint.why}", f"  next     {judged.hint.next}"]
        if judged.left:
            lines += ["", f"  ({judged.left} more {'is' if judged.left == 1 else 'are'} looked at once this is right.)"]
    if checked.printed:
        lines += ["", "Your script printed, at last:", *(f"  | {line[:200]}" for line in checked.printed)]
    return "\n".join(lines)


def _where(path: Path, line: int, code: str, message: str) -> list[str]:
    """The learner's error in three lines."""
    if not line:
        return [
            f"           {path}: in no line of yours, but when the check used what it had got from you",
            f"           {message}",
        ]
    return [f"           {path}, line {line}", f"               {code[:150]}", f"           {message}"]
