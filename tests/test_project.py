"""What a stranger looks for before they adopt a project is there, and says the same as the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def test_the_licence_is_the_one_that_the_metadata_names() -> None:
    licence = (PROJECT / "LICENSE").read_text()

    assert "Apache License" in licence
    assert "Version 2.0" in licence
    assert 'license = "Apache-2.0"' in (PROJECT / "pyproject.toml").read_text()


def test_the_checks_before_a_commit_are_those_of_make_check() -> None:
    hooks = re.findall(r"entry: ([^,]+),", (PROJECT / ".pre-commit-config.yaml").read_text())
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE)
    assert recipe

    assert sorted(hooks) == sorted(line.strip().lstrip("@") for line in recipe[1].splitlines())


@pytest.mark.parametrize(
    "place",
    ["SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", ".editorconfig", ".github/pull_request_template.md"],
)
def test_there_is_a_page_for(place: str) -> None:
    assert (PROJECT / place).read_text().strip()


def test_the_workflow_of_the_forge_runs_what_ci_runs() -> None:
    assert "bash .ci/run" in (PROJECT / ".github/workflows/check.yml").read_text()
