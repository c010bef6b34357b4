"""The shape of the code is a promise: arrows point one way, and each outside party has one door."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from infra.rehearsal.shims.run import HOME_OF

PROJECT = Path(__file__).resolve().parents[1]

# A room may import rooms that stand before it, and itself.
INFRA = [
    "errors", "names", "text", "secrets", "settings", "console", "remote", "budget", "guard", "aws", "host", "job",
    "workflows", "rehearsal", "cli",
]  # fmt: skip
DOORS = {
    "boto3": "infra/aws/client/session.py",
    "fabric": "infra/host/connection.py",
    "mxnet": "training/",
    "moto": "infra/rehearsal/",
    "asyncssh": "infra/rehearsal/",
    "kingfisher_sdk": "infra/host/secret_scan.py",
}
# Programs that run on the instance stand alone; only the record they leave is known to the laptop.
SCRIPTS_OPEN_TO = {"job": {"infra.remote.recorder", "infra.remote.s3_backup", "infra.remote.workspace"}}


def modules(package: str) -> list[Path]:
    return sorted((PROJECT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(path: Path, package: str) -> str:
    return path.relative_to(PROJECT / package).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules("infra"), ids=lambda p: str(p.relative_to(PROJECT)))
def test_infra_imports_only_rooms_to_its_left(path: Path) -> None:
    room = room_of(path, "infra")
    if room == "__init__":
        assert not {name for name in imports(path) if name.startswith("infra.")}
        return
    allowed = set(INFRA[: INFRA.index(room) + 1])
    if room == "rehearsal":  # the pretend cloud knows nothing of the kit that is tried out in it
        allowed = {"errors", "names", "text", "console", "rehearsal"}
    used = {name.split(".")[1] for name in imports(path) if name.startswith("infra.")}

    assert used <= allowed


@pytest.mark.parametrize("path", modules("infra"), ids=lambda p: str(p.relative_to(PROJECT)))
def test_infra_never_imports_training(path: Path) -> None:
    strange = {name for name in imports(path) if name.split(".")[0] in ("training", "tests", "bench")}
    scripts = {name for name in imports(path) if name.startswith("scripts.") and name.count(".") == 1}

    assert not strange
    assert scripts <= SCRIPTS_OPEN_TO.get(room_of(path, "infra"), set())


@pytest.mark.parametrize("path", modules("training"), ids=lambda p: str(p.relative_to(PROJECT)))
def test_training_never_imports_infra(path: Path) -> None:
    assert not {name for name in imports(path) if name.split(".")[0] in ("infra", "scripts", "tests")}


def rooms_used(package: str) -> dict[str, set[str]]:
    """Room -> the rooms of the same package that it imports."""
    used: dict[str, set[str]] = {}
    for path in modules(package):
        here = room_of(path, package)
        there = {name.split(".")[1] for name in imports(path) if name.startswith(f"{package}.")}
        used.setdefault(here, set()).update(there - {here})
    return used


@pytest.mark.parametrize("package", ["infra", "training"])
def test_no_room_needs_itself_by_a_detour(package: str) -> None:
    used = rooms_used(package)
    while ready := [room for room, needs in used.items() if not needs & set(used)]:
        for room in ready:
            del used[room]

    assert used == {}, f"these rooms stand in a circle: {sorted(used)}"


def test_the_loop_knows_no_job_and_the_configuration_knows_nobody() -> None:
    used = rooms_used("training")

    assert "jobs" not in used["train"]
    assert used["config"] <= {"errors"}


@pytest.mark.parametrize(("library", "door"), DOORS.items())
def test_each_outside_party_has_one_door(library: str, door: str) -> None:
    users = [
        str(path.relative_to(PROJECT))
        for package in ("infra", "training", "scripts")
        for path in modules(package)
        if library in {name.split(".")[0] for name in _imports_that_run(path)}
    ]

    assert [user for user in users if not user.startswith(door)] == []


def _imports_that_run(path: Path) -> set[str]:
    """Imports below `if TYPE_CHECKING:` open no door."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_what_is_found_by_its_name_when_it_is_needed_is_there() -> None:
    """A module named in a text is moved by nobody's editor, and missed by no check of types."""
    commands = (PROJECT / "infra/cli/commands.py").read_text()
    named = {
        *(f"infra.rehearsal.shims.{module}:main" for module in HOME_OF.values()),
        *(f"infra.cli.{place}" for place in re.findall(r'later\("([^"]+)"\)', commands)),
    }
    functions = {
        f"{'.'.join(path.relative_to(PROJECT).with_suffix('').parts)}:{node.name}"
        for path in modules("infra")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }

    assert len(named) > 20
    assert named - functions == set()


def test_there_is_no_room_for_odds_and_ends() -> None:
    names = {path.stem for package in ("infra", "training", "scripts") for path in modules(package)}

    assert not names & {"utils", "util", "common", "base", "helpers", "misc"}
