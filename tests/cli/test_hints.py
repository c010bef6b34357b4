"""Every hint is a line its reader can type, and leads to the same cloud and the same rig."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from pathlib import Path

import pytest

from infra.cli.arguments import Request, parse
from infra.cli.commands import COMMANDS
from infra.cli.hints import CALLED_BY, theirs
from infra.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]

TEXT = """nothing ran
  -> `make launch` rents one
  -> `rig train remote --recover --resume 2026-a`, or `rig extend --by 2h`
  -> `rig sweep --delete` removes it, `make compare RUNS="A B"` compares
  -> `make set-up`, `rig launch --help all`, `rig extend 1h`, `aws configure`
  -> `rig lesson 1`, `rig rehearsal fault capacity --zone a`, `rig --help`, `rig COMMAND --help`"""


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
  -> `make set-up`, `make launch HELP=all`, `make extend BY=1h CLOUD=rehearsal NAME=bob`, `aws configure`
  -> `make lesson N=1`, `make rehearsal DO='fault capacity --zone a'`, `make`, `make COMMAND HELP=1`""",
        ),
        (
            "",
            """nothing ran
  -> `rig launch --cloud rehearsal --name bob` rents one
  -> `rig train remote --recover --resume 2026-a --cloud rehearsal --name bob`, or \
`rig extend --by 2h --cloud rehearsal --name bob`
  -> `rig sweep --delete --cloud rehearsal` removes it, `rig compare --runs 'A B'` compares
  -> `make set-up`, `rig launch --help all`, `rig extend 1h --cloud rehearsal --name bob`, `aws configure`
  -> `rig lesson 1`, `rig rehearsal fault capacity --zone a`, `rig --help`, `rig COMMAND --help`""",
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


SOURCES = sorted((PROJECT / "infra").rglob("*.py"))
BARE = re.compile(rf"(?<![`\w./\"'-])(make|rig) ({'|'.join(COMMANDS)})\b(?![/.-])")


def sentences(source: str) -> list[str]:
    """Every text of *source* that is no docstring; what an f-string fills in stands as "filled"."""
    nodes = list(ast.walk(ast.parse(source)))
    quiet = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    return [
        "".join(part.value if isinstance(part, ast.Constant) else "filled" for part in node.values)
        if isinstance(node, ast.JoinedStr)
        else node.value
        for node in nodes
        if id(node) not in quiet | parts and (isinstance(node, ast.JoinedStr) or _is_text(node))
    ]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@functools.cache
def texts() -> list[tuple[Path, str]]:
    """Read when a test asks: each process of `make test` imports this file, and one runs it."""
    return [(path, text) for path in SOURCES for text in sentences(path.read_text())]


def hints() -> list[str]:
    found = {f"`{hint}`" for _, text in texts() for hint in re.findall(r"`((?:make|rig) [^`\n]+)`", text)}
    examples = {f"`{line.partition(' > ')[0]}`" for one in COMMANDS.values() for line, _ in one.examples}
    return sorted(found | examples)


def test_every_line_that_a_reader_might_type_stands_in_backticks() -> None:
    """Only those are said in the words of who typed."""
    bare = [
        f"{path.relative_to(PROJECT)}: {found[0]}"
        for path, text in texts()
        if " " in text
        for found in BARE.finditer(re.sub(r"`[^`\n]*`", "", text))
        if text not in EXAMPLE_LINES
    ]

    assert bare == []


EXAMPLE_LINES = {line for one in COMMANDS.values() for line, _ in one.examples}


def test_every_hint_is_a_line_that_rig_and_make_take_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    for hint in hints():
        assert_taken_alike(monkeypatch, hint)
    assert len(hints()) > 100


def assert_taken_alike(monkeypatch: pytest.MonkeyPatch, hint: str) -> None:
    monkeypatch.setenv(CALLED_BY, "")
    _, *words = shlex.split(theirs(hint, None).strip("`"))
    if words[0] not in COMMANDS or "--help" in words:
        return  # `make set-up`, or a page of the help
    by_rig = parse(words, COMMANDS)
    monkeypatch.setenv(CALLED_BY, "make")
    program, *typed = shlex.split(theirs(hint, None).strip("`"))
    by_make = parse(as_the_makefile_does(typed), COMMANDS)

    assert program == "make", hint
    assert by_rig.foreign + by_make.foreign == (), hint
    assert (flat(by_rig), by_rig.settings) == (flat(by_make), by_make.settings), hint


def as_the_makefile_does(words: list[str]) -> list[str]:
    named = {word.partition("=")[0]: word.partition("=")[2] for word in words if re.match("[A-Z_]+=", word)}
    goals = [word for word in words if not re.match("[A-Z_]+=", word)]
    return [*goals, *(f"--{name.lower().replace('_', '-')}={value}" for name, value in named.items())]


def flat(request: Request) -> dict[str, object]:
    """All that is read behind an argument belongs to it, in one word or in several."""
    given = vars(request.options)
    own = {
        one.name: given[one.name.replace("-", "_")] for one in (*request.command.arguments, *request.command.options)
    }
    for one in request.command.arguments[-1:]:
        own[one.name] = " ".join([own[one.name] or "", *given["rest"]])
    return own
