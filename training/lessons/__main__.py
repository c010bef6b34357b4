"""`python -m training.lessons VERB ...`: what `rig lesson` and its kin call.

Exit codes: 0 done (of `check`: all right); 1 something is missing in the script, or the world failed; 2 bad input; 130
stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.console import plain
from training.errors import BadInput, TrainingError
from training.lessons.catalog import CARDS, LESSONS, Lesson, find
from training.lessons.page import FILE as PAGE
from training.lessons.page import advice, page
from training.lessons.progress import Progress, now, read, write_whole
from training.lessons.words import to_type


def main(words: Sequence[str]) -> int:
    options = _parser().parse_args(words)
    try:
        code: int = options.run(options)
        return code
    except TrainingError as error:
        print(plain(str(error)), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(plain(f"{error.filename or 'A file'}: {error.strerror or error}."), file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.lessons")
    parser.add_argument("--folder", type=Path, default=Path("lessons"), help="where the learner's scripts are")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, run, meaning in (
        ("list", _list, "the lessons, and where you are"),
        ("open", _open, "make the script of a lesson, if it is not there"),
        ("check", _check, "check your script"),
        ("solution", _solution, "show the solution, after a first try"),
        ("cards", _cards, "write the Anki deck"),
        ("quiz", _quiz, "flash cards in the terminal"),
    ):
        verb = verbs.add_parser(name, help=meaning)
        verb.set_defaults(run=run)
        if name in ("open", "check", "solution"):
            verb.add_argument("--number", required=True, help="1 to 10")
        if name == "solution":
            verb.add_argument("--yes", action="store_true", help="before the first try, too")
    return parser


def _list(options: argparse.Namespace) -> int:
    from training.lessons.show import overview

    progress = read(options.folder)
    print(overview(progress))
    if progress.standings:
        print(f"As a page: {_write_page(progress)}")
    return 0


def _open(options: argparse.Namespace) -> int:
    lesson, progress = find(options.number), read(options.folder)
    path = options.folder / lesson.file
    if path.exists():
        print(f"{_shown(path)} is yours and stays as it is.")
    else:
        write_whole(path, lesson.blank.read_text(encoding="utf-8"))
        print(f"{_shown(path)} is ready: a blank script in cells.")
    print(f"Card: {_shown(lesson.card)}  (read it, close it, write the script from memory)")
    print(f"Then: {to_type('lesson-check', n=lesson.number)}")
    _keep(progress.with_(lesson, progress.of(lesson).seen(now())))
    return 0


def _check(options: argparse.Namespace) -> int:
    from training.lessons.sandbox import check
    from training.lessons.show import verdict

    lesson, progress = find(options.number), read(options.folder)
    path = _script(options.folder, lesson)
    checked = check(lesson, path.resolve())
    right = checked.verdict.hint is None
    print(plain(verdict(lesson, _shown(path), checked)))
    progress = progress.with_(lesson, progress.of(lesson).checked(now(), right=right))
    _keep(progress)
    if right:
        print(f"\nAll right. {to_type('quiz')} keeps it in memory. Next: {advice(progress)}")
    return 0 if right else 1


def _script(folder: Path, lesson: Lesson) -> Path:
    path = folder / lesson.file
    if not path.is_file():
        raise BadInput(f"There is no {_shown(path)} yet.", f"{to_type('lesson', n=lesson.number)} makes it")
    return path


def _solution(options: argparse.Namespace) -> int:
    lesson, progress = find(options.number), read(options.folder)
    standing = progress.of(lesson)
    if not (standing.attempts or options.yes):
        raise BadInput(
            f"You have not checked lesson {lesson.number} yet: the try, not the reading, is what stays in memory.",
            f"{to_type('lesson-check', n=lesson.number)} first, "
            f"or {to_type('lesson-solution', n=lesson.number, yes=1)}",
        )
    print(lesson.solution.read_text(encoding="utf-8"), end="")
    return 0


def _cards(options: argparse.Namespace) -> int:
    from training.lessons.flashcards import write_deck

    path = options.folder / "gluon-rig.apkg"
    count = write_deck(path)
    print(f"{_shown(path)}: {count} cards. In Anki: File, Import; a later deck keeps what Anki knows of you.")
    return 0


def _quiz(options: argparse.Namespace) -> int:
    from datetime import datetime, timezone

    from training.lessons.quiz import due, quiz
    from training.lessons.quiz import read as read_memory

    memory = read_memory(options.folder)
    opened = {number for number, standing in read(options.folder).standings.items() if standing.opened_at}
    cards = due(memory, opened or {LESSONS[0].number}, datetime.now(timezone.utc))
    if not cards:
        print("Nothing is due now. New cards come with each lesson that you open.")
        return 0
    print(f"{len(cards)} cards; q stops, and what you answered is kept.")
    try:
        known = quiz(memory, cards, input, print)
    except EOFError:  # no terminal, or Ctrl-D: as good as q
        print()
        return 0
    print(f"\n{known} known at once. What was not known comes back soon.")
    return 0


def _keep(progress: Progress) -> None:
    progress.save()
    _write_page(progress)


def _write_page(progress: Progress) -> Path:
    write_whole(progress.folder / PAGE, page(progress))
    return _shown(progress.folder / PAGE)


def _shown(path: Path) -> Path:
    """As one types it from here."""
    project, here = CARDS.parents[1], Path.cwd()
    path = path.resolve()
    return next((path.relative_to(base) for base in (here, project) if path.is_relative_to(base)), path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
