"""The ten lessons in their order, and where the parts of each lie."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from training.errors import BadInput
from training.lessons.hint import Check, KnownError
from training.lessons.words import to_type

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
CARDS = HERE.parents[1] / "docs" / "lessons"


@dataclass(frozen=True)
class Lesson:
    number: int
    name: str
    title: str

    @property
    def file(self) -> str:
        """The learner's script: lessons/03_minibatches.py."""
        return f"{self.number:02}_{self.name}.py"

    @property
    def card(self) -> Path:
        return CARDS / f"{self.number:02}-{self.name.replace('_', '-')}.md"

    @property
    def blank(self) -> Path:
        return HERE / self.name / "blank.py"

    @property
    def solution(self) -> Path:
        return HERE / self.name / "solution.py"

    def checks(self) -> tuple[Check, ...]:
        checks: tuple[Check, ...] = self._check_module().CHECKS
        return checks

    def known_errors(self) -> tuple[KnownError, ...]:
        errors: tuple[KnownError, ...] = self._check_module().ERRORS
        return errors

    def _check_module(self) -> Any:
        return import_module(f"training.lessons.{self.name}.check")

    def flashcards(self) -> dict[str, dict[str, str]]:
        """Key -> {"ask": ..., "answer": ...}. A key stays for ever: the learner's memory of the card hangs on it."""
        cards: dict[str, dict[str, str]] = tomllib.loads((HERE / self.name / "cards.toml").read_text(encoding="utf-8"))
        return cards


LESSONS = tuple(
    Lesson(number, name, title)
    for number, (name, title) in enumerate(
        (
            ("autograd", "NDArray and autograd"),
            ("linear_regression", "Linear regression by hand"),
            ("minibatches", "Minibatches, DataLoader, and Gluon's Sequential"),
            ("softmax", "Softmax regression by hand"),
            ("mlp", "A multilayer perceptron in Gluon"),
            ("regularization", "Weight decay and dropout"),
            ("lenet", "LeNet as a Block"),
            ("devices", "CPU or GPU"),
            ("export", "Hybridize, export, and run it without MXNet"),
            ("sensors", "Car sensors: from windows to a probability"),
        ),
        start=1,
    )
)


def find(word: str) -> Lesson:
    """The lesson that *word* names by its number. Raises BadInput."""
    chosen = [lesson for lesson in LESSONS if word.isascii() and word.isdecimal() and int(word[:9]) == lesson.number]
    if not chosen:
        numbers = f"they have the numbers 1 to {len(LESSONS)}"
        raise BadInput(f"{word[:40]!r} is no lesson: {numbers}.", f"for example {to_type('lesson', n=3)}")
    return chosen[0]
