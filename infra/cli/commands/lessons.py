"""The group "the lessons": lesson, lesson-check, lesson-solution, cards, quiz."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from infra.cli.arguments import Group, Option
from infra.errors import BadSettings
from infra.settings import Settings

GROUP: Final = Group("the lessons")
_NUMBER: Final = Option(name="number", help="1 to 10")
_N: Final = Option(name="n", help="the same, for `make lesson N=3`")


@GROUP.command(
    help="ten lessons from the first array to car sensors: list them, or begin one",
    arguments=(_NUMBER,),
    options=(_N,),
)
def lesson(options: Namespace, settings: Settings) -> int:
    number = options.number or options.n
    return _run("open", f"--number={number}") if number else _run("list")


@GROUP.command(
    help="what is right in your script, what is missing, and one next step",
    arguments=(_NUMBER,),
    options=(_N,),
)
def lesson_check(options: Namespace, settings: Settings) -> int:
    return _run("check", _number_word(options))


@GROUP.command(
    help="one way to write it, after a first check",
    arguments=(_NUMBER,),
    options=(_N, Option(name="yes", help="before the first check, too", flag=True)),
)
def lesson_solution(options: Namespace, settings: Settings) -> int:
    return _run("solution", _number_word(options), *(["--yes"] if options.yes else []))


@GROUP.command(help="the lessons' flash cards as an Anki deck: lessons/gluon-rig.apkg")
def cards(options: Namespace, settings: Settings) -> int:
    return _run("cards")


@GROUP.command(help="the flash cards that are due, in this terminal")
def quiz(options: Namespace, settings: Settings) -> int:
    return _run("quiz")


def _number_word(options: Namespace) -> str:
    number: str = options.number or options.n
    if not number:
        raise BadSettings("Which lesson?", "for example `make lesson-check N=3`; `rig lesson` lists them")
    return f"--number={number}"


def _run(*words: str) -> int:
    from infra.cli.lesson_programs import run_lessons

    return run_lessons(*words)
