"""Every hint is a line its reader can type, and leads to the same cloud and the same rig."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from infra.cli.hints import CALLED_BY, theirs
from infra.settings import Settings

CLI = Path(__file__).parents[2] / "infra" / "cli"

TEXT = """nothing ran
  -> `make launch` rents one
  -> `rig train remote --recover --resume 2026-a`, or `rig extend --by 2h`
  -> `rig sweep --delete` removes it, `make compare RUNS="A B"` compares
  -> `make set-up`, `rig VERB --help`, `rig extend 1h`, `aws configure`"""


@pytest.mark.parametrize(
    ("called_by", "said"),
    [
        (
            "make",
            """nothing ran
  -> `make launch CLOUD=rehearsal NAME=bob` rents one
  -> `make train remote RECOVER=1 RESUME=2026-a CLOUD=rehearsal NAME=bob`, or \
`make extend BY=2h CLOUD=rehearsal NAME=bob`
  -> `make sweep DELETE=1 CLOUD=rehearsal` removes it, `make compare RUNS='A B'` compares
  -> `make set-up`, `rig VERB --help`, `rig extend 1h --cloud rehearsal --name bob`, `aws configure`""",
        ),
        (
            "",
            """nothing ran
  -> `rig launch --cloud rehearsal --name bob` rents one
  -> `rig train remote --recover --resume 2026-a --cloud rehearsal --name bob`, or \
`rig extend --by 2h --cloud rehearsal --name bob`
  -> `rig sweep --delete --cloud rehearsal` removes it, `rig compare --runs 'A B'` compares
  -> `make set-up`, `rig VERB --help`, `rig extend 1h --cloud rehearsal --name bob`, `aws configure`""",
        ),
    ],
)
def test_a_hint_speaks_as_its_reader_typed_and_repeats_cloud_and_name(
    monkeypatch: pytest.MonkeyPatch, called_by: str, said: str
) -> None:
    monkeypatch.setenv(CALLED_BY, called_by)
    monkeypatch.delenv("RIG_CLOUD", raising=False)

    assert theirs(TEXT, Settings(cloud="rehearsal", name="bob")) == said


def test_nothing_is_repeated_that_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CALLED_BY, "make")
    monkeypatch.delenv("RIG_CLOUD", raising=False)

    assert theirs("`rig start`", Settings()) == "`make start`"
    assert theirs("`rig start`", None) == "`make start`"
    assert theirs("`make launch CLOUD=rehearsal`", Settings(cloud="rehearsal")) == "`make launch CLOUD=rehearsal`"
    assert theirs("it's `rig ssh 'half`", Settings()) == "it's `rig ssh 'half`"
    monkeypatch.setenv("RIG_CLOUD", "rehearsal")
    assert theirs("`rig start`", Settings(cloud="rehearsal", name="bob")) == "`make start NAME=bob`"


def test_no_hint_is_printed_as_it_was_written() -> None:
    bare = [
        f"{path.name}:{call.lineno}"
        for path in sorted(CLI.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("tell", "deliver")
        if any(re.match(r"f?['\"].*`(make|rig) ", ast.unparse(word)) for word in call.args)
    ]

    assert bare == []
