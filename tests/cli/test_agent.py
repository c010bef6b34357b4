"""RIG_AGENT=1: nothing is asked, and nothing that costs is done without a budget on the line, by any command."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from argparse import Namespace
from pathlib import Path

import pytest

from infra.cli import main
from infra.cli.agent import CONVERSES, SPENDS, require_within
from infra.cli.commands import COMMANDS
from infra.cli.prompt import confirm
from infra.errors import UserError
from infra.settings import Settings

SKILL = (Path(__file__).resolve().parents[2] / "docs" / "SKILL.md").read_text()
FREE = set(COMMANDS) - set(SPENDS) - set(CONVERSES)


@pytest.fixture(autouse=True)
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RIG_AGENT", "1")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were let through, each in place of what it would do."""
    through: list[str] = []
    for name, command in list(COMMANDS.items()):

        def instead(options: Namespace, settings: object, name: str = name) -> int:
            through.append(f"{name} {getattr(options, 'yes', '')}".strip())
            return 0

        monkeypatch.setitem(COMMANDS, name, dataclasses.replace(command, run=instead))
    return through


def line(name: str) -> list[str]:
    where = ["remote", f"--{SPENDS[name]}"] if SPENDS[name] else []
    return [name, *where]


@pytest.mark.parametrize("name", SPENDS)
def test_what_can_cost_is_refused_without_a_budget_on_the_line(
    name: str, done: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rig.toml").write_text("budget = 5\n")
    monkeypatch.setenv("RIG_BUDGET", "5")

    assert [main(line(name)), main([*line(name), "--budget", "0"])] == [2, 2]
    assert "RIG_AGENT=1 wants a budget on its line; nothing was done." in capsys.readouterr().err
    assert done == []


@pytest.mark.parametrize("name", SPENDS)
def test_with_a_budget_on_the_line_it_is_done_and_not_asked(name: str, done: list[str]) -> None:
    assert main([*line(name), "--budget", "5"]) == 0
    assert done == [f"{name} True"]


@pytest.mark.parametrize("name", sorted(FREE))
def test_what_costs_nothing_goes_through(name: str, done: list[str]) -> None:
    assert main([name]) == 0
    assert len(done) == 1


@pytest.mark.parametrize("words", [["train"], ["train", "remote"], ["launch", "--dry-run"], ["start", "--dry-run"]])
def test_a_run_on_a_machine_that_is_there_and_a_plan_cost_nothing_more(words: list[str], done: list[str]) -> None:
    assert main(words) == 0
    assert len(done) == 1


@pytest.mark.parametrize(("word", "holds"), [("true", True), ("yes", True), ("agent", True), ("0", False), ("", False)])
def test_any_word_but_a_no_says_that_a_program_types(
    word: str, holds: bool, monkeypatch: pytest.MonkeyPatch, done: list[str]
) -> None:
    monkeypatch.setenv("RIG_AGENT", word)

    assert main(["launch", "--yes"]) == (2 if holds else 0)


@pytest.mark.parametrize("name", CONVERSES)
def test_a_conversation_is_refused_with_what_does_without_one(
    name: str, done: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name]) == 2
    assert "is a conversation" in capsys.readouterr().err
    assert done == []


def test_no_question_is_asked_and_none_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UserError, match="nothing is asked") as refused:
        confirm("Delete it all?", otherwise="Nothing was deleted.", beforehand="`rig sweep --delete --yes`")
    assert refused.value.exit_code == 2


def test_without_it_a_user_is_asked_as_ever(monkeypatch: pytest.MonkeyPatch, done: list[str]) -> None:
    monkeypatch.delenv("RIG_AGENT")

    assert main(["launch"]) == 0
    assert done == ["launch False"]


def test_the_skill_names_what_can_cost_and_commands_that_exist() -> None:
    head = SKILL.partition("## Money rules")[0]

    assert {name for name in SPENDS if f"`{name}" in head} == set(SPENDS)
    assert re.match(r"---\nname: gluon-rig\ndescription: .+\n---\n", SKILL)
    with_json = {name for name, command in COMMANDS.items() if any(one.name == "json" for one in command.options)}
    assert set(re.findall(r"rig ([a-z-]+) --json", SKILL)) <= with_json
    assert set(re.findall(r"`rig ([a-z][a-z-]+)", SKILL)) <= set(COMMANDS)


@pytest.mark.parametrize(("usd", "refused"), [(4.99, False), (5.0, False), (5.01, True), (None, True)])
def test_what_could_come_to_more_than_the_budget_on_the_line_is_refused(usd: float | None, refused: bool) -> None:
    with pytest.raises(UserError, match="nothing was done") if refused else contextlib.nullcontext():
        require_within(Settings(budget=5.0), usd, "With that extension the rig")
