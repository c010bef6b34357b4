"""The group "the lessons": lesson, lesson-check, lesson-solution, cards, quiz."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from infra.cli.arguments import Group, Option
from infra.errors import BadSettings
from infra.settings import Settings

GROUP: Final = Group("the lessons")
_N: Final = Option(name="n", help="which lesson: 1 to 10", value="N")


@GROUP.command(
    help="ten lessons from the first array to car sensors: list them, or begin one",
    arguments=(_N,),
    examples=(
        ("rig lesson", "where you are"),
        ("rig lesson 3", "begin or open the third"),
    ),
    live=False,
)
def lesson(options: Namespace, settings: Settings) -> int:
    return _run("open", f"--number={options.n}") if options.n else _run("list")


@GROUP.command(
    help="what is right in your script, what is missing, and one next step",
    arguments=(_N,),
    examples=(
        ("rig lesson-check 3", "look at your script of lesson 3"),
        ("rig lesson-check 10", "of lesson 10"),
    ),
    live=False,
)
def lesson_check(options: Namespace, settings: Settings) -> int:
    return _run("check", _number_word(options))


@GROUP.command(
    help="one way to write it, after a first check",
    arguments=(_N,),
    options=(Option(name="yes", help="before the first check, too", flag=True),),
    examples=(
        ("rig lesson-solution 3", "after a first check"),
        ("rig lesson-solution 3 --yes", "before it, too"),
    ),
    live=False,
)
def lesson_solution(options: Namespace, settings: Settings) -> int:
    return _run("solution", _number_word(options), *(["--yes"] if options.yes else []))


@GROUP.command(
    help="the lessons' flash cards as an Anki deck: lessons/gluon-rig.apkg",
    examples=(
        ("rig cards", "then: Anki, File, Import"),
        ("rig quiz", "without Anki, in this terminal"),
    ),
    live=False,
)
def cards(options: Namespace, settings: Settings) -> int:
    return _run("cards")


@GROUP.command(
    help="the flash cards that are due, in this terminal",
    examples=(
        ("rig quiz", "those that are due"),
        ("rig cards", "all of them, for Anki"),
    ),
    live=False,
)
def quiz(options: Namespace, settings: Settings) -> int:
    return _run("quiz")


def _number_word(options: Namespace) -> str:
    if not options.n:
        raise BadSettings("Which lesson?", "for example `make lesson-check N=3`; `rig lesson` lists them")
    return f"--number={options.n}"


def _run(*words: str) -> int:
    from infra.cli.lesson_programs import run_lessons

    return run_lessons(*words)
