"""`scripts/set-up` on computers whose Python is not what it needs. None of these installs anything."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(PROJECT / "scripts/set-up", tmp_path / "scripts/set-up")
    return tmp_path


def set_up(
    project: Path, python: str, others: Mapping[str, str] = MappingProxyType({}), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run set-up where `python3` is the shell program *python*, and no other Python and no uv is on the PATH."""
    programs = project / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "cat", "tail", "mkdir", "cp", "touch", "grep"):
        (programs / name).symlink_to(str(shutil.which(name)))
    for name, script in {"python3": python, **others}.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return subprocess.run(
        [str(project / "scripts/set-up"), "laptop"],
        env={"PATH": str(programs), "HOME": os.environ["HOME"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_python_that_is_too_old_is_named_with_the_way_to_a_newer_one(project: Path) -> None:
    done = set_up(project, 'case "$1" in --version) echo Python 3.8.10 ;; *) exit 1 ;; esac')

    assert done.returncode == 2
    assert "needs Python 3.10, 3.11, 3.12 or 3.13; python3 here is Python 3.8.10." in done.stderr
    assert "apt install python3 python3-venv" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_a_python_without_venv_is_told_which_package_brings_it(project: Path) -> None:
    """As on a fresh Debian or Ubuntu, where python3 is there and python3-venv is not."""
    done = set_up(project, 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.12 ;; esac')

    assert done.returncode == 2
    assert "apt install python3.12-venv" in done.stderr
    assert not (project / ".venv").exists()


PYTHON = """\
case "$*" in
    "-m venv --clear .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *installer.txt*) test -z "$NO_UV_HERE" && cp programs/any-uv .venv/bin/uv ;;
    "-m pip config get global.index-url") echo https://packages.example/simple ;;
    "-m pip install"*) echo "pip ${*#*--no-compile }" >>calls ;;
esac
"""
UV = """\
case "$*" in "pip install"*) echo "uv $* from ${UV_DEFAULT_INDEX:-its own index}" >>calls; exit ${UV_ENDS:-0} ;; esac
"""
LOCK = "--no-deps --require-hashes --requirement requirements/laptop.txt"
KIT = "--no-deps --no-build-isolation --editable ."
BY_UV = "uv pip install --quiet --python .venv/bin/python"


@pytest.mark.parametrize(
    ("own_uv", "environment", "calls"),
    [
        pytest.param(
            True,
            {"UV_DEFAULT_INDEX": "mine"},
            [f"{BY_UV} {LOCK} from mine", f"{BY_UV} {KIT} from mine"],
            id="your-own-uv",
        ),
        pytest.param(
            False,
            {},
            [f"{BY_UV} {words} from https://packages.example/simple" for words in (LOCK, KIT)],
            id="uv-that-pip-fetched",
        ),
        pytest.param(False, {"NO_UV_HERE": "1"}, [f"pip {LOCK}", f"pip {KIT}"], id="no-uv-for-this-computer"),
        pytest.param(
            True,
            {"UV_ENDS": "1", "UV_DEFAULT_INDEX": "mine"},
            [f"{BY_UV} {LOCK} from mine", f"pip {LOCK}", f"{BY_UV} {KIT} from mine", f"pip {KIT}"],
            id="a-uv-that-fails",
        ),
    ],
)
def test_uv_installs_what_the_lock_says_and_pip_where_uv_does_not(
    project: Path, own_uv: bool, environment: dict[str, str], calls: list[str]
) -> None:
    (project / "requirements").mkdir()
    (project / "requirements/laptop.txt").write_text(
        "# By uv.\na==1 \\\n    --hash=sha256:0\nb==2 \\\n    --hash=sha256:1\n"
    )
    uv = {"uv" if own_uv else "any-uv": UV}

    done = set_up(project, PYTHON, uv, **environment)

    assert done.returncode == 0, done.stderr
    assert (project / "calls").read_text().splitlines() == calls
    by = "pip, usually a minute" if calls[0].startswith("pip") else "uv, usually 5 to 20 s"
    assert (
        f"Installing the 2 packages of requirements/laptop.txt into .venv (once, and again when they change), by {by}"
        in (done.stderr)
    )
    assert (project / ".venv/.ready").exists()
