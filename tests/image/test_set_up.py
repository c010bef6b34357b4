"""`scripts/set-up` on computers whose Python is not what it needs. None of these installs anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(PROJECT / "scripts/set-up", tmp_path / "scripts/set-up")
    return tmp_path


def set_up(project: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Run set-up where `python3` is the shell program *python*, and no other Python is on the PATH."""
    programs = project / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "cat", "tail"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (programs / "python3").write_text(f"#!/bin/sh\n{python}\n")
    (programs / "python3").chmod(0o755)
    return subprocess.run(
        [str(project / "scripts/set-up"), "laptop"],
        env={"PATH": str(programs), "HOME": os.environ["HOME"]},
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
