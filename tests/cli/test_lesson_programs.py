"""The lessons' commands hand what was typed to the other half, and its exit code back."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import pytest

from infra.cli import lesson_programs
from infra.cli.commands import lessons
from infra.errors import BadSettings, MissingProgram
from infra.settings import Settings


def test_a_number_may_be_a_word_or_an_option_and_the_exit_code_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        lesson_programs.subprocess, "run", lambda line, env: asked.append(line) or Namespace(returncode=1)
    )
    start = [sys.executable, "-m", "training.lessons", "--folder", str(tmp_path / "lessons")]

    codes = [
        lessons.lesson(Namespace(n=""), Settings()),
        lessons.lesson_check(Namespace(n="3"), Settings()),
        lessons.lesson_solution(Namespace(n="4", yes=True), Settings()),
    ]

    assert codes == [1, 1, 1]
    assert asked == [[*start, "list"], [*start, "check", "--number=3"], [*start, "solution", "--number=4", "--yes"]]


def test_what_is_missing_is_said_before_anything_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lesson_programs, "find_spec", lambda name: None)

    with pytest.raises(BadSettings, match="Which lesson"):
        lessons.lesson_check(Namespace(n=""), Settings())
    with pytest.raises(MissingProgram, match="JupyterLab and Jupytext"):
        lesson_programs.open_notebook()
    assert list(tmp_path.iterdir()) == []
