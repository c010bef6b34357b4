"""The ten lessons: every right way of writing one passes, every typical mistake is met by its own hint.

scripts/NAME.toml holds right scripts written in other ways than the solution, and mistakes as edits of the solution.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training.lessons.catalog import CARDS, LESSONS, Lesson
from training.lessons.hint import Hint
from training.lessons.judge import Verdict, judge
from training.lessons.script import brief

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCRIPTS = Path(__file__).parent / "scripts"
EVERY_LESSON = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def cases(lesson: Lesson, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((SCRIPTS / f"{lesson.name}.toml").read_text(encoding="utf-8"))[kind]
    return found


def numbered(kind: str, in_make_test: int) -> Iterator[Any]:
    """Each case of each lesson; all but the first few are left to `make test-all`."""
    for lesson in LESSONS:
        for number, case in enumerate(cases(lesson, kind)):
            marks = [] if number < in_make_test else [pytest.mark.exhaustive]
            name = f"{lesson.name}-{number}-{case.get('hint', 'right')}"
            yield pytest.param(lesson, case, marks=marks, id=name)


def judged(lesson: Lesson, source: str, folder: Path) -> Verdict:
    path = folder / lesson.file
    path.write_text(source, encoding="utf-8")
    return judge(lesson, path)


def hint_of(verdict: Verdict) -> str | None:
    return verdict.hint and f"{verdict.hint.key}: {verdict.message or verdict.hint.missing}"


@EVERY_LESSON
def test_the_solution_passes(lesson: Lesson) -> None:
    verdict = judge(lesson, lesson.solution)

    assert hint_of(verdict) is None
    assert verdict.right == tuple(check.says for check in lesson.checks())


@pytest.mark.parametrize(("lesson", "case"), [*numbered("right", in_make_test=0)])
def test_so_does_the_same_written_in_another_way(lesson: Lesson, case: dict[str, str], tmp_path: Path) -> None:
    assert hint_of(judged(lesson, case["source"], tmp_path)) is None


@pytest.mark.parametrize(("lesson", "case"), [*numbered("wrong", in_make_test=2)])
def test_a_typical_mistake_meets_its_own_hint(lesson: Lesson, case: dict[str, str], tmp_path: Path) -> None:
    solution = lesson.solution.read_text(encoding="utf-8")
    assert case["old"] in solution

    verdict = judged(lesson, solution.replace(case["old"], case["new"]), tmp_path)

    assert hint_of(verdict) is not None
    assert verdict.hint is not None
    assert verdict.hint.key == case["hint"], hint_of(verdict)


@EVERY_LESSON
def test_the_blank_script_is_told_kindly_what_comes_first(lesson: Lesson) -> None:
    verdict = judge(lesson, lesson.blank)

    assert verdict.hint is not None
    assert verdict.hint.key == "absent"
    assert verdict.message == ""


@EVERY_LESSON
def test_functions_that_are_there_and_empty_are_told_so(lesson: Lesson, tmp_path: Path) -> None:
    tree = ast.parse(lesson.solution.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]

    verdict = judged(lesson, "\n".join(f"def {name}(*words): ..." for name in names), tmp_path)

    assert verdict.hint is not None
    assert verdict.hint.key in ("empty", "absent")


@EVERY_LESSON
def test_a_lesson_has_all_its_parts(lesson: Lesson) -> None:
    """Five mistakes with hints of their own, three right ways, a card that names what is to be written, flash cards."""
    asked = re.findall(r"^# %% (?:class )?(\w+)[(:]", lesson.blank.read_text(encoding="utf-8"), re.MULTILINE)
    card = lesson.card.read_text(encoding="utf-8")

    assert len({case["hint"] for case in cases(lesson, "wrong")}) >= 5
    assert len(cases(lesson, "right")) + 1 >= 3
    assert asked
    assert [name for name in asked if f"`{name}" not in card] == []
    assert card.startswith(f"# Lesson {lesson.number}: {lesson.title}\n")
    assert {"The idea", "The task", "Where else it is told"} <= set(re.findall(r"^## (.+)", card, re.MULTILINE))
    assert card.count("<details><summary>") == card.count("</details>") >= 4
    assert len(lesson.flashcards()) >= 8
    assert all(set(one) == {"ask", "answer"} for one in lesson.flashcards().values())


@EVERY_LESSON
def test_no_hint_shows_how_it_is_written(lesson: Lesson) -> None:
    lines = {line.strip() for line in lesson.solution.read_text(encoding="utf-8").splitlines()}
    code = {line for line in lines if len(line) > 12 and not line.startswith("#")}

    told = [f"{hint.missing} {hint.why} {hint.next}" for hint in hints_of(lesson)]

    assert [(line, text) for line in code for text in told if line in text] == []


@EVERY_LESSON
def test_hints_are_short_and_each_has_a_key_of_its_own(lesson: Lesson) -> None:
    hints = hints_of(lesson)

    assert len({hint.key for hint in hints}) == len(hints)
    assert [hint for hint in hints if max(map(len, (hint.missing, hint.why, hint.next))) > 125] == []


@EVERY_LESSON
def test_a_hint_gives_one_step_to_go_on_with(lesson: Lesson) -> None:
    assert [hint.key for hint in hints_of(lesson) if hint.next.count("?") > 1] == []


def test_what_several_lessons_say_is_written_once() -> None:
    every = {id(hint): hint for lesson in LESSONS for hint in hints_of(lesson)}.values()

    assert len({(hint.missing, hint.why, hint.next) for hint in every}) == len(every)


def hints_of(lesson: Lesson) -> list[Hint]:
    return [value for value in vars(lesson._check_module()).values() if isinstance(value, Hint)]


def test_an_error_is_shown_where_it_is_in_the_learners_file(tmp_path: Path) -> None:
    lesson = LESSONS[0]
    source = "from mxnet import nd\n\n\ndef column_means(A):\n    wide = nd.ones((3, 3))\n    return nd.dot(A, wide)\n"

    verdict = judged(lesson, source, tmp_path)

    assert (verdict.line, verdict.code) == (6, "return nd.dot(A, wide)")
    assert verdict.message.startswith("MXNetError: ")
    assert "\n" not in verdict.message


def test_mxnets_messages_are_cut_down_to_their_meaning() -> None:
    said = "[05:00:01] ../src/imperative.cc:295: Check failed: !AGInfo: :IsNone(*i): Cannot differentiate. Advice"

    assert brief(ValueError(f"Traceback:\n  File x\n{said}\n  [bt] stack")) == "ValueError: Cannot differentiate"
    assert brief(KeyError("w")) == "KeyError: 'w'"
    assert brief(ValueError("bad: x: y")) == "ValueError: bad: x: y"
    assert brief(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("def column_means(A:\n    pass\n", 1, "SyntaxError"),
        ("import mxnet\nif True:\nx = 1\n", 3, "IndentationError"),
        ("1 / 0\n", 1, "ZeroDivisionError: division by zero"),
        ("x = input()\n", 1, "Error"),
        ("def column_means():\n    return 1\n", 1, "TypeError: column_means() takes 0 positional arguments but 1 was"),
        ("def column_means(A):\n    raise KeyboardInterrupt2\n", 2, "NameError"),
    ],
)
def test_whatever_goes_wrong_has_a_line_and_one_sentence(
    source: str, line: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", (tmp_path / "nothing").open("w+"))

    verdict = judged(LESSONS[0], source, tmp_path)

    assert verdict.hint is not None
    assert verdict.hint.key == "error"
    assert verdict.line == line
    assert message in verdict.message


def test_a_script_may_exit_at_its_end_and_one_of_another_encoding_is_told_so(tmp_path: Path) -> None:
    lesson = LESSONS[0]
    ended = lesson.solution.read_text(encoding="utf-8") + "\nimport sys\nsys.exit(3)\n"
    (tmp_path / "latin.py").write_bytes(b"# \xe9t\xe9\n")

    assert judged(lesson, ended, tmp_path).hint is None
    assert "not UTF-8" in judge(lesson, tmp_path / "latin.py").message


def test_the_other_kind_of_arrays_is_named(tmp_path: Path) -> None:
    verdict = judged(LESSONS[0], "from mxnet import np\n\ndef column_means(A):\n    return A.mean(0)\n", tmp_path)

    assert verdict.hint is not None
    assert verdict.hint.key == "numpy-style"


@pytest.mark.parametrize("notebook", sorted((CARDS / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_an_executed_notebook_holds_the_solution_of_its_lesson(notebook: Path) -> None:
    lesson = next(lesson for lesson in LESSONS if lesson.card.stem == notebook.stem)
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    shown = [line for cell in cells for line in "".join(cell["source"]).splitlines() if line and line[0] != "#"]
    written = [line for line in lesson.solution.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]

    assert shown == written
    assert any(cell["outputs"] for cell in cells)
