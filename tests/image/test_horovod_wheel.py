"""`scripts/horovod/wheel`: which wheel of Horovod is the one for this Python. None of these compiles anything."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
THIS = f"cp{sys.version_info[0]}{sys.version_info[1]}"


def wheel(tmp_path: Path, *words: str) -> str:
    python = tmp_path / "python"  # one that has MXNet, wherever the tests run
    python.write_text(f'#!/bin/sh\ncase "$2" in *metadata*) echo 1.9.1 ;; *) exec {sys.executable} "$@" ;; esac\n')
    python.chmod(0o755)
    line = [str(PROJECT / "scripts/horovod/wheel"), str(python), *words]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "CXX": "false"}
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_one_that_was_built_elsewhere_for_the_same_python_is_kept_and_found_again(tmp_path: Path) -> None:
    built = tmp_path / "built"
    built.mkdir()
    for tag in ("cp39", THIS):
        (built / f"horovod-0.28.1-{tag}-{tag}-linux_x86_64.whl").write_text(tag)

    kept = Path(wheel(tmp_path, str(built)))

    assert kept.is_relative_to(tmp_path / "cache/gluon-rig/wheels")
    assert kept.read_text() == THIS
    assert Path(wheel(tmp_path)) == kept
