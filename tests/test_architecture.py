"""The shape of the code is a promise. Which room may import which, import-linter holds by the contracts in
pyproject.toml (`make check`); here is what it cannot."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

from infra.cli.arguments import Group
from infra.cli.commands import GROUPS
from infra.rehearsal.shims.process_engine import COMMANDS as OF_DOCKER
from infra.rehearsal.shims.run import HOME_OF

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).resolve().parents[1]

DOORS: dict[str, str | tuple[str, ...]] = {
    "boto3": "infra/aws/client/session.py",
    "fabric": "infra/host/connection.py",
    "mxnet": "training/",
    "horovod": ("training/trainer/group.py", "infra/remote/meeting.py"),
    "moto": "infra/rehearsal/",
    "asyncssh": "infra/rehearsal/",
    "kingfisher_sdk": "infra/host/secret_scan.py",
}
LONGEST_FUNCTION, LONGEST_MODULE = 45, 350  # lines


def modules(package: str) -> list[Path]:
    return sorted((PROJECT / package).rglob("*.py"))


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_each_outside_party_has_one_door() -> None:
    strangers = {
        f"{path.relative_to(PROJECT)} imports {library}"
        for package in ("infra", "training", "scripts")
        for path in modules(package)
        for library in DOORS.keys() & _imports_that_run(parse(path))
        if not str(path.relative_to(PROJECT)).startswith(DOORS[library])
    }

    assert strangers == set()


def _imports_that_run(tree: ast.Module) -> set[str]:
    """Libraries; imports below `if TYPE_CHECKING:` open no door."""
    waiting: list[ast.AST] = [tree]
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        only_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        waiting += node.orelse if only_types else ast.iter_child_nodes(node)
    return {name.split(".")[0] for name in names}


def test_the_contracts_name_each_room_that_there_is() -> None:
    """`make check` has import-linter hold the order of rooms; a room that it does not know would be held by nobody."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = {room: one["exhaustive"] for one in contracts if one["type"] == "layers" for room in one["containers"]}

    assert held == {"infra": True, "infra.aws": True, "infra.cli": True, "training": True}


def test_what_is_found_by_its_name_when_it_is_needed_is_there() -> None:
    """A module named in a text is moved by nobody's editor, and missed by no check of types."""
    shims = {f"infra.rehearsal.shims.{module}:main" for module in HOME_OF.values()}
    named = shims | {f"infra.rehearsal.shims.{act.replace('.', ':')}" for act, *_ in OF_DOCKER.values()}

    assert len(shims) > 5
    assert len(named) > len(shims)
    assert named - functions_of(modules("infra")) == set()


def test_the_command_line_has_one_module_per_group_of_the_help_and_a_function_per_command() -> None:
    """Also the other way round: a function of theirs that is no command is private."""
    folder = PROJECT / "infra/cli/commands"
    functions = functions_of(sorted(folder.glob("[!_]*.py")))
    commands = {
        f"infra.cli.commands.{module_of(group)}:{one.run.__name__}"
        for group in GROUPS
        for one in group.commands.values()
    }

    assert [group.title for group in GROUPS if module_of(group) not in group.title] == []
    assert {name for name in functions if ":_" not in name} == commands


def module_of(group: Group) -> str:
    (module,) = {command.run.__module__.rpartition(".")[2] for command in group.commands.values()}
    return module


def functions_of(paths: list[Path]) -> set[str]:
    return {
        f"{'.'.join(path.relative_to(PROJECT).with_suffix('').parts)}:{node.name}"
        for path in paths
        for node in parse(path).body
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize("package", ["infra", "training", "scripts", "bench"])
def test_a_function_fits_a_screen_and_a_module_a_sitting(package: str) -> None:
    long = [
        f"{path.relative_to(PROJECT)}: {node.name}"
        for path in modules(package)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    large = [str(path.relative_to(PROJECT)) for path in modules(package) if len(lines_of(path)) > LONGEST_MODULE]

    assert (long, large) == ([], [])


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_there_is_no_room_for_odds_and_ends() -> None:
    names = {path.stem for package in ("infra", "training", "scripts") for path in modules(package)}

    assert not names & {"utils", "util", "common", "base", "helpers", "misc"}
