"""docs/rehearsal.md repeats what the code says; here the two are compared."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from infra.cli.arguments import parse
from infra.cli.commands import COMMANDS
from infra.rehearsal.fault_injection import USAGE, Faults, UnknownFault

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "rehearsal.md").read_text()


def test_every_fault_stands_in_the_documentation_and_no_other() -> None:
    section = PAGE.split("## Trouble on demand")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([\w-]+)", section, re.MULTILINE))

    assert documented | {"clear"} == set(USAGE)


def examples() -> list[list[str]]:
    """Each fault as a user types it from the page, with its brackets once left out and once filled in."""
    section = PAGE.split("## Trouble on demand")[1].split("\n## ")[0]
    lines = [line.replace("N", "8").replace("FILE", "'a file'") for line in re.findall(r"^\| `([^`]+)`", section, re.M)]
    return [shlex.split(line) for text in lines for line in forms(text)]


def forms(text: str) -> list[str]:
    return sorted({re.sub(r" ?\[.*", "", text), re.sub(r"[][]", "", text)})  # in one order for every process


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_every_fault_is_understood_as_the_page_prints_it(words: list[str]) -> None:
    typed = parse(["rehearsal", "fault", *words], COMMANDS).options

    assert [typed.do, *typed.rest] == ["fault", *words]
    Faults().change(typed.rest)


@pytest.mark.parametrize(
    "line",
    ["throttle", "throttle 2", "throttle nan", "throttle 0.2 0.3", "quota -1", "quota inf", "slow -5ms", "hang up",
     "capacity --zone", "capacity us-east-1a", "clear all", "", "--help"],
)  # fmt: skip
def test_a_fault_that_would_mean_nothing_is_refused(line: str) -> None:
    faults = Faults()

    with pytest.raises(UnknownFault):
        faults.change(line.split())
    assert faults.now == Faults().now


def test_every_file_the_page_names_is_there_and_every_patch_is_named() -> None:
    patched = PAGE.split("## What is patched in moto")[1].split("\n## ")[0]
    named = set(re.findall(r"`(cloud/\w+\.py|evaluator\.py)`", patched))
    plumbing = {"__init__", "answering", "dependencies", "patches", "request", "response", "server", "wsgi"}

    there = {path.stem for path in (PROJECT / "infra/rehearsal/cloud").glob("*.py")}

    assert {Path(name).stem for name in named} - {"patches", "evaluator"} == there - plumbing
