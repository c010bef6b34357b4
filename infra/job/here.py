"""The same run on this computer: the same recorder, the same work folder, no instance."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from infra.job.spec import Job
from scripts.record import JOB, write_whole

_RECORD = Path(__file__).resolve().parents[2] / "scripts" / "record.py"


def run_here(job: Job, name: str, *, runs: Path, code: Path, data: Path, show: Callable[[str], None]) -> int:
    """Run *job* in *code* and return its exit code; its work folder is runs/NAME.

    Ctrl-C asks the job to save a checkpoint and end, and is then raised again.
    """
    folder = (runs / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / JOB, job.to_json().encode() + b"\n")
    command = [sys.executable if word == "python3" else word for word in job.command_in(str(folder), str(data))]
    process = subprocess.Popen(
        [sys.executable, str(_RECORD), str(folder), "--", *command],
        cwd=code,
        env={**os.environ, **_environment(job, name, folder, data)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches us alone; we pass a gentler signal on
    )
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            show(raw.decode(errors="replace").rstrip("\n"))
    except KeyboardInterrupt:
        show("Asking it to save and end; Ctrl-C once more ends it at once.")
        process.send_signal(signal.SIGTERM)
        _hear_out(process, show)
        raise
    return process.wait()


def _hear_out(process: subprocess.Popen[bytes], show: Callable[[str], None]) -> None:
    """To the end of a run that was asked to end; a second Ctrl-C ends it at once."""
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            show(raw.decode(errors="replace").rstrip("\n"))
        process.wait()
    except KeyboardInterrupt:
        while process.poll() is None:  # the recorder takes this one for "at once" when it has heard the first
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)


def _environment(job: Job, name: str, folder: Path, data: Path) -> dict[str, str]:
    return {
        "PYTHONUNBUFFERED": "1",
        "RIG_DATA": str(data),
        "RIG_RESULTS": "required" if job.results else "optional",
        "RIG_RUN": name,
        "RIG_RUN_DIR": str(folder),
    }
