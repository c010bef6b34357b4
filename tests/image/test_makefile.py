"""The Makefile, run by the real make, against a `rig` that writes down how it was called."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.cli.commands import COMMANDS

PROJECT = Path(__file__).resolve().parents[2]
MAKEFILE = PROJECT / "Makefile"

RIG_THAT_TELLS = """#!{python}
import json, pathlib, sys
pathlib.Path("called.json").write_text(json.dumps(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is set up already: its stamp is newer than everything the stamp depends on."""
    folder = tmp_path_factory.mktemp("kit")
    names = ("Makefile", "pyproject.toml", "scripts/set-up", "scripts/list-targets", "requirements/laptop.txt")
    for name in (*names, *(str(path.relative_to(PROJECT)) for path in PROJECT.glob("scripts/*moved*"))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    rig = folder / ".venv/bin/rig"
    rig.parent.mkdir(parents=True)
    python = rig.with_name("python")
    python.symlink_to(sys.executable)
    rig.write_text(RIG_THAT_TELLS.format(python=python))
    rig.chmod(rig.stat().st_mode | stat.S_IXUSR)
    (folder / ".venv/.ready").touch()
    return folder


def make(kit: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *words], cwd=kit, env=clean | environment, capture_output=True, text=True, timeout=60, check=False
    )


def rig_call(kit: Path, *words: str, **environment: str) -> list[str]:
    """What `rig` was called with; its options sorted, for make keeps no order."""
    called = kit / "called.json"
    called.unlink(missing_ok=True)
    done = make(kit, *words, **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    verb_and_place = [word for word in json.loads(called.read_text()) if not word.startswith("--")]
    options = [word for word in json.loads(called.read_text()) if word.startswith("--")]
    return [*verb_and_place, *sorted(options)]


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        (["status"], ["status"]),
        (["launch", "TYPE=g5.xlarge", "SPOT=1"], ["launch", "--spot=1", "--type=g5.xlarge"]),
        (["train", "JOB=lenet"], ["train", "--job=lenet"]),
        (["train", "remote", "JOB=lenet"], ["train", "remote", "--job=lenet"]),
        (["tune", "remote", "NODES=4"], ["tune", "remote", "--nodes=4"]),
        (["JOB=lenet", "remote", "train"], ["train", "remote", "--job=lenet"]),
        (["iam-policy"], ["iam-policy"]),
        (["train", "lenet"], ["train", "lenet"]),
        (["extend", "2h", "YES=1"], ["extend", "2h", "--yes=1"]),
        (["note", "lenet", "it's"], ["note", "lenet", "it's"]),
        (["launch", "ON_DEMAND_FALLBACK=1"], ["launch", "--on-demand-fallback=1"]),
        (["launch", "TYPO=1"], ["launch", "--typo=1"]),
        (["status", "PYTHON=python3.12"], ["status"]),
    ],
)
def test_a_word_is_a_call_of_rig_with_every_variable_as_an_option(
    kit: Path, typed: Sequence[str], called: list[str]
) -> None:
    assert rig_call(kit, *typed) == called


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).map(str.strip))
@example(text="--epochs 3 --name 'x y' \"z\"")
@example(text="echo $HOME $(shell touch /tmp/gone) `id` $$ ${x} $( \\")
@example(text="a=b, #c; d & e | f > g * ? ~ !")
@settings(max_examples=30, deadline=None)
def test_what_a_person_types_reaches_rig_unchanged(kit: Path, text: str) -> None:
    assert rig_call(kit, "train", "remote", f"ARGS={text}") == ["train", "remote", f"--args={text}"]


def test_the_shells_own_environment_is_no_option(kit: Path) -> None:
    assert rig_call(kit, "launch", "HOURS=2", TYPE="xterm", NAME="somebody", JOB="7") == ["launch", "--hours=2"]


def test_remote_alone_says_what_it_belongs_to(kit: Path) -> None:
    done = make(kit, "remote")

    assert done.returncode == 2
    assert "make train remote JOB=lenet" in done.stderr


def test_a_failing_rig_fails_make(kit: Path) -> None:
    rig = kit / ".venv/bin/rig"
    told = rig.read_text()
    rig.write_text(f"#!{sys.executable}\nraise SystemExit(2)\n")
    try:
        assert make(kit, "status").returncode == 2
    finally:
        rig.write_text(told)


def assigned(name: str) -> list[str]:
    """The words that the Makefile gives to *name*, over all its lines."""
    found = re.search(rf"^{re.escape(name)} ?:=? ?((?:.*\\\n)*.*)$", MAKEFILE.read_text(), re.MULTILINE)
    assert found, name
    return found[1].replace("\\", "").split()


def test_every_command_of_rig_is_a_word_of_make() -> None:
    assert sorted(assigned("rig_commands")) == sorted(COMMANDS)


def test_help_lists_every_word_a_person_can_type(kit: Path) -> None:
    words = {*assigned("other_targets"), *assigned("rig_commands")}

    listed = re.findall(r"^  ([a-z-]+) +\S", make(kit).stdout, re.MULTILINE)

    assert sorted(listed) == sorted(words - {"remote", "here"})
