"""Processes are found by a mark in their environment: what is not found here would be left running."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from infra.rehearsal import processes

SOME = 500  # looks: a miss was seen in every second one


def test_a_process_that_is_just_starting_another_program_is_found(tmp_path: Path) -> None:
    script = tmp_path / "again"
    script.write_text(f"exec /bin/sh '{script}'\n")
    mark = f"RIG_TEST={tmp_path}"

    with subprocess.Popen(["/bin/sh", str(script)], env={"RIG_TEST": str(tmp_path)}) as restless:
        missed = [look for look in range(SOME) if restless.pid not in processes.carrying(mark)]
        assert processes.end(mark)

    assert missed == []


def test_a_process_without_any_environment_holds_nobody_up() -> None:
    with subprocess.Popen(["/bin/sleep", "600"], env={}) as bare:
        before = time.monotonic()
        assert bare.pid not in processes.carrying(f"HOME={os.environ.get('HOME', '')}")
        bare.kill()

    assert time.monotonic() - before < 300
