"""A function is called by what it does, or by what it returns: never by a past participle alone, as `_judged` is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
TRAINING = ("data", "jobs", "nets", "pack", "prognostics", "report", "serve", "trainer", "workdir")
ROOMS = (
    *(f"infra/{room}" for room in ("aws", "cli", "guard", "host", "job", "remote", "workflows")),
    *(f"training/{room}" for room in TRAINING),
    "scripts",
)
IRREGULAR = (
    "begun|brought|built|done|drawn|driven|found|given|gone|held|forgotten|kept|known|left|lost|made|met|paid|said|seen|sent|shown|"
    "sold|spent|spoken|taken|thought|thrown|told|written"
)
PARTICIPLE = rf"(?!feed|need|reseed|seed|speed|shed)(?:[a-z]+ed|{IRREGULAR})"
BEHIND = "apart|as|away|behind|by|down|from|home|in|off|on|out|over|since|up|whole"
ALONE = re.compile(rf"_*(?:not_)?{PARTICIPLE}(?:_(?:{BEHIND}))*")


def functions(source: str) -> Iterator[str]:
    """Every function and method of *source* but properties, which are adjectives and nouns, and context managers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list:
            yield node.name


@pytest.mark.parametrize("name", ["judged", "_not_moved", "_parsed", "named", "stopped", "written_since", "left_over"])
def test_the_rule_knows_a_participle(name: str) -> None:
    assert ALONE.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["judge", "list_ignored", "pinned_key", "read", "run_cost", "is_fetched", "put", "_need", "_find_named"]
)
def test_the_rule_knows_a_verb_and_a_noun(name: str) -> None:
    assert not ALONE.fullmatch(name)


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_is_a_past_participle(room: str) -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {name}"
        for path in sorted((PROJECT / room).rglob("*.py"))
        for name in functions(path.read_text(encoding="utf-8"))
        if ALONE.fullmatch(name)
    ]

    assert found == []
