"""What a page repeats from the code, a test compares: documents that are checked do not go stale."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra import settings
from infra.cli.commands import COMMANDS
from infra.settings import Settings
from infra.settings.sources import load

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text()


def test_the_example_of_rig_toml_is_what_the_code_says() -> None:
    """Fix it with: .venv/bin/rig settings --example > rig.toml.example"""
    assert (PROJECT / "rig.toml.example").read_text() == settings.example()


def test_the_example_of_rig_toml_with_every_line_made_active_gives_the_defaults() -> None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    active = re.sub(r"^# (\w+ = )", r"\1", settings.example(), flags=re.MULTILINE)

    assert load({}, environ={}, remembered=tomllib.loads(active)) == Settings()


def test_rig_and_make_have_the_same_commands() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    listed = re.search(r"rig_commands := ((?:.*\\\n)*.*)", makefile)
    assert listed

    assert set(listed[1].replace("\\\n", " ").split()) == set(COMMANDS)


def test_the_readme_names_every_top_level_place() -> None:
    tree = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in tree.splitlines() if "/" in line and not line.startswith(".")}
    map_ = README.partition("<!-- tree -->")[2].partition("<!-- /tree -->")[0]

    assert folders == set(re.findall(r"^(\w+)/", map_, flags=re.MULTILINE))


@pytest.mark.parametrize(
    "document", ["README.md", *sorted(str(p.relative_to(PROJECT)) for p in PROJECT.glob("docs/*.md"))]
)
def test_every_option_and_command_that_a_document_names_exists(document: str) -> None:
    text = (PROJECT / document).read_text()
    known = set(settings.Settings.__dataclass_fields__) | {
        option.name.replace("-", "_")
        for command in COMMANDS.values()
        for option in (*command.arguments, *command.options)
    }
    commands = set(re.findall(r"`(?:\.venv/bin/)?rig ([a-z][a-z-]+)", text))
    variables = {
        name.lower()
        for line in re.findall(r"make [a-z-]+(?: [a-z-]+)*((?: [A-Z_]+=(?:\"[^\"]*\"|[^\s`]+))+)", text)
        for name in re.findall(r" ([A-Z_]+)=", line)
    }

    assert commands - {*COMMANDS, "help"} == set()
    assert variables - known - {"tests", "python", "upgrade"} == set()


def test_the_documents_have_no_dead_links_and_name_no_word_that_make_lacks() -> None:
    done = subprocess.run([sys.executable, "scripts/check_docs.py"], cwd=PROJECT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_where_a_thing_is_decided_there_is_the_function_that_the_table_names() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text()
    table = page.partition("<!-- where -->")[2].partition("<!-- /where -->")[0]
    answers = re.findall(r"^\| [^|]+\? \| `([^`]+)` \| `(\w+)` \|$", table, flags=re.MULTILINE)

    assert len(answers) == table.count("?") == 18
    assert [(file, name) for file, name in answers if name not in functions_of(PROJECT / file)] == []


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_room_of_the_laptop_is_on_the_plan_of_the_house() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text()
    there = [path for path in (PROJECT / "infra").iterdir() if path.is_file() or list(path.glob("*.py"))]
    rooms = {f"infra/{path.name}{'/' if path.is_dir() else ''}" for path in there}  # a room that moved leaves its cache
    ours = {room for room in rooms if not room.startswith("infra/__")}

    assert {room for room in ours if f"`{room}`" not in page} == set()


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    assert "## Unreleased" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_readme_lists_every_job_in_the_words_of_its_card() -> None:
    if importlib.util.find_spec("mxnet") is None:
        pytest.skip("MXNet is not installed: it has no wheel for this computer")
    from training.jobs import JOBS

    cards = {name: PROJECT / (module.replace(".", "/") + ".py") for name, module in JOBS.items()}
    rows = [
        f"| `{name}` | {ast.get_docstring(ast.parse(card.read_text())).splitlines()[0]} |"
        for name, card in cards.items()
    ]

    assert "\n".join(rows) in README


def test_the_readme_shows_the_demo_as_it_ends() -> None:
    shown = README.partition("<!-- demo -->")[2].partition("<!-- /demo -->")[0]
    labels = re.findall(r"^  (\w+)  ", shown, flags=re.MULTILINE)

    assert labels == [
        "run",
        "accuracy",
        "speed",
        "time",
        "cost",
        "results",
        "report",
        "curves",
        "weights",
        "onnx",
        "log",
        "serve",
    ]
