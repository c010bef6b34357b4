"""The learner's way: open, check, solution, progress, flash cards, quiz; and scripts that never come back."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from training.errors import BadInput
from training.lessons import progress, quiz, sandbox
from training.lessons.__main__ import main
from training.lessons.catalog import LESSONS
from training.lessons.flashcards import flashcards, write_deck
from training.lessons.judge import Verdict
from training.lessons.page import page
from training.lessons.progress import Progress, Standing

HINT = sandbox.ENDED


def lessons(folder: Path, *words: str) -> int:
    return main(["--folder", str(folder), *words])


def test_a_script_that_never_ends_is_stopped_and_the_line_is_named(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "print('hello')\nn = 0\nwhile n > -1:\n    try:\n        n += 1\n    except BaseException:\n        raise\n"
    )

    checked = sandbox.check(LESSONS[0], script, cpu_s=1)

    assert checked.verdict.hint is not None
    assert checked.verdict.hint.key == "time"
    assert 3 <= checked.verdict.line <= 5
    assert checked.printed == ("hello",)


def test_a_script_that_ends_python_itself_is_told_so_and_its_endless_prints_are_cut(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("import os\nfor n in range(100_000):\n    print(n)\nos._exit(0)\n")

    checked = sandbox.check(LESSONS[0], script)

    assert checked.verdict.hint is not None
    assert checked.verdict.hint.key == "ended"
    assert checked.printed[-1] == "99999"
    assert len(checked.printed) == sandbox.SHOWN_LINES


def test_the_way_from_a_blank_script_to_the_next_lesson(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLUON_RIG_CALLED_BY", raising=False)
    folder = tmp_path / "lessons"
    script = folder / "01_autograd.py"

    assert lessons(folder, "check", "--number=1") == 2
    assert "`rig lesson 1` makes it" in capsys.readouterr().err
    assert lessons(folder, "open", "--number=1") == 0
    assert script.read_text() == LESSONS[0].blank.read_text()
    assert lessons(folder, "solution", "--number=1") == 2
    assert "You have not checked lesson 1 yet" in capsys.readouterr().err

    assert lessons(folder, "check", "--number=1") == 1
    said = capsys.readouterr().out
    assert "Lesson 1, NDArray and autograd: 0 of 4 right" in said
    assert "There is no `column_means` in your script." in said
    assert lessons(folder, "solution", "--number=1") == 0
    script.write_text(capsys.readouterr().out)

    assert lessons(folder, "open", "--number=1") == 0
    assert "is yours and stays as it is" in capsys.readouterr().out
    assert lessons(folder, "check", "--number=1") == 0
    assert "All right." in capsys.readouterr().out
    assert lessons(folder, "list") == 0
    assert "Next: lesson 2, Linear regression by hand: `rig lesson 2`" in capsys.readouterr().out
    monkeypatch.setenv("GLUON_RIG_CALLED_BY", "make")
    assert lessons(folder, "list") == 0
    assert "Next: lesson 2, Linear regression by hand: `make lesson N=2`" in capsys.readouterr().out
    standing = progress.read(folder).of(LESSONS[0])
    assert (standing.attempts, standing.solved_at > 0) == (2, True)
    assert "1 of 10 done" in (folder / "progress.html").read_text()


def test_the_learners_error_takes_three_lines(tmp_path: Path) -> None:
    from training.lessons.show import verdict

    judged = Verdict((), 3, HINT, 7, "y.backward()", "MXNetError: no graph")

    said = verdict(LESSONS[0], Path("lessons/01_autograd.py"), sandbox.Checked(judged, ()))

    assert said.splitlines()[3:6] == [
        "           lessons/01_autograd.py, line 7",
        "               y.backward()",
        "           MXNetError: no graph",
    ]


def test_solutions_without_a_try_come_only_when_asked_for_twice(tmp_path: Path) -> None:
    assert lessons(tmp_path, "solution", "--number=4") == 2
    assert lessons(tmp_path, "solution", "--number=4", "--yes") == 0


@pytest.mark.parametrize("number", ["0", "11", "-1", "x", "", "9" * 5000, "1\n", "²"])
def test_a_number_that_is_no_lesson_is_bad_input(number: str, tmp_path: Path) -> None:
    for verb in ("open", "check", "solution"):
        assert lessons(tmp_path, verb, f"--number={number}") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"1": 3}', '{"1": {"best": 2}}', '{"x": {}}'])
def test_a_damaged_memory_is_named_and_left_as_it_is(text: str, tmp_path: Path) -> None:
    for name, verb in ((progress.FILE, ("open", "--number=1")), (quiz.FILE, ("quiz",))):
        (tmp_path / name).write_text(text)
        if not (name == quiz.FILE and text == "[]"):
            assert lessons(tmp_path, *verb) == 2
        assert (tmp_path / name).read_text() == text
        (tmp_path / name).unlink()


def test_minutes_are_those_between_two_looks_without_long_pauses() -> None:
    standing = Standing().seen(1000.0).checked(1300.0, right=False).checked(99_000.0, right=False)
    done = standing.checked(99_120.0, right=True).seen(99_180.0)

    assert (done.minutes, done.attempts, done.solved_at) == (7, 3, 99_120.0)


def test_the_page_shows_no_more_than_what_was_done(tmp_path: Path) -> None:
    first = LESSONS[0]
    shown = page(Progress(tmp_path, {1: Standing(opened_at=1, last_at=1, attempts=3, seconds=600, solved_at=1e9)}))

    assert "1 of 10 done, 10 minutes so far." in shown
    assert f"{first.title}</th><td>done 2001-09-" in shown
    assert "lesson 2, Linear regression by hand" in shown


def test_flash_cards_have_keys_for_ever() -> None:
    """An id that changes loses what Anki knows of a learner: only add to this, and never rename."""
    ids = [card.id for card in flashcards()]

    assert len(set(ids)) == len(ids)
    assert {"autograd/attach-grad", "minibatches/step", "lenet/name-scope", "sensors/brier"} <= set(ids)


def test_two_decks_hold_the_same_notes(tmp_path: Path) -> None:
    counts = [write_deck(tmp_path / name) for name in ("a.apkg", "b.apkg")]
    notes = []
    for name in ("a.apkg", "b.apkg"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            archive.extract("collection.anki2", tmp_path / name[0])
        database = sqlite3.connect(tmp_path / name[0] / "collection.anki2")
        notes.append(sorted(database.execute("select guid, mid, flds from notes").fetchall()))
        database.close()

    assert counts == [len(flashcards())] * 2
    assert notes[0] == notes[1]
    assert len(notes[0]) == counts[0]


def test_what_was_not_known_comes_back_and_each_answer_is_kept_at_once(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    memory = quiz.read(tmp_path)
    cards = quiz.due(memory, {1}, now)[:2]
    answers = iter(["", "n", "", "maybe", "y", "", "q"])

    known = quiz.quiz(memory, cards, lambda _: next(answers), lambda _: None)

    kept = quiz.read(tmp_path)
    assert known == 1
    assert set(kept.cards) == {card.id for card in cards}
    again = [card.id for card in quiz.due(kept, {1}, now + timedelta(minutes=5)) if card.id in kept.cards]
    assert again[0] == cards[0].id
    assert cards[1].id not in [card.id for card in quiz.due(kept, {1}, now + timedelta(minutes=5))][:1]


def test_the_quiz_asks_about_lessons_that_were_opened(tmp_path: Path) -> None:
    asked = quiz.due(quiz.read(tmp_path), {3}, datetime.now(timezone.utc))

    assert {card.lesson.number for card in asked} == {3}
    assert len(asked) == quiz.NEW_AT_ONCE


def test_a_verdict_survives_its_way_through_json() -> None:
    verdict = Verdict(("one",), 2, HINT, 3, "x = 1", "said")

    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_progress_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / progress.FILE).write_text('{"1": {"stars": 5}}')

    with pytest.raises(BadInput, match="cannot be read"):
        progress.read(tmp_path)
