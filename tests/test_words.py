"""What a user reads says it in the field's words: safeguards, commands, arguments, fix, you or the user."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import settings
from infra.cli.arguments import Command
from infra.cli.commands import COMMANDS, GROUPS
from infra.cli.help import render_overview

PROJECT = Path(__file__).resolve().parents[1]
OURS = re.compile(
    r"\b(rings? [0-3]|four rings|persons?|verbs?|VERB|mend(s|ed|ing)?|make WORD|rig WORD)\b", re.IGNORECASE
)
PAGES = [
    "README.md",
    "Makefile",
    "rig.toml.example",
    *sorted(str(p.relative_to(PROJECT)) for p in PROJECT.glob("docs/**/*.md")),
]
SOURCES = sorted(path for room in ("infra", "training", "scripts") for path in (PROJECT / room).rglob("*.py"))


def strings(source: str) -> Iterator[str]:
    """Every string of *source* that is no docstring and no name in code: those with a space may reach a user."""
    tree = ast.parse(source)
    quiet = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in quiet
            and " " in node.value
        ):
            yield node.value


def shown(command: Command) -> str:
    return " ".join([command.help, command.epilog, *(one.help for one in (*command.arguments, *command.options))])


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_a_word_of_our_own_where_the_field_has_one(page: str) -> None:
    assert [found[0] for found in OURS.finditer((PROJECT / page).read_text(encoding="utf-8"))] == []


def test_no_help_has_one() -> None:
    helps = [render_overview(GROUPS), settings.example(), *map(shown, COMMANDS.values())]

    assert [found[0] for text in helps for found in OURS.finditer(text)] == []


def test_no_message_has_one() -> None:
    found = {
        str(path.relative_to(PROJECT)): words
        for path in SOURCES
        if (words := [text for text in strings(path.read_text(encoding="utf-8")) if OURS.search(text)])
    }

    assert found == {}
