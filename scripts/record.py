"""Run a command in a work folder and leave a complete record of it there.

    python3 record.py WORKDIR -- COMMAND WORD...
    python3 record.py --seal WORKDIR

Runs inside the container (or as a plain process), with nothing but the standard library, so that any program of the
person's gets the same record as ours: `train.log` (all it printed), `exit.json` (how it ended) and, last of all,
`MANIFEST.sha256`. A folder with a manifest is whole; `--seal` writes the manifest of a run whose recorder was killed.
Standard output is passed on, so that `docker logs` shows the same lines.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

LOG, EXIT, MANIFEST = "train.log", "exit.json", "MANIFEST.sha256"


def main(argv: list[str]) -> int:
    if len(argv) == 2 and argv[0] == "--seal":
        seal(Path(argv[1]))
        return 0
    if len(argv) < 3 or argv[1] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    return record(Path(argv[0]), argv[2:])


def record(workdir: Path, command: list[str]) -> int:
    """Run *command*, write its record into *workdir*, return its exit code (128 + signal if a signal ended it)."""
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / MANIFEST).unlink(missing_ok=True)
    started = time.time()
    with (workdir / LOG).open("ab") as log:
        refusal = gpu_missing()
        if refusal:
            announce(log, refusal)
            exit_code = 1
        else:
            exit_code = run(command, log)
    write_whole(workdir / EXIT, json.dumps(ending(command, exit_code, started), indent=2).encode() + b"\n")
    seal(workdir)
    return exit_code


def gpu_missing() -> str:
    """Why this run must not start: a GPU was rented, and the container does not see it. Never a silent CPU run."""
    if os.environ.get("RIG_REQUIRE_GPU") != "1":
        return ""
    if not shutil.which("nvidia-smi"):
        return "No GPU in the container: nvidia-smi is missing. Is the NVIDIA container toolkit set up on the host?\n"
    asked = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    if asked.returncode != 0 or "GPU" not in asked.stdout:
        return f"No GPU in the container. nvidia-smi says: {(asked.stdout + asked.stderr).strip()}\n"
    return ""


def announce(log, text: str) -> None:  # type: ignore[no-untyped-def]
    log.write(text.encode())
    sys.stdout.write(text)
    sys.stdout.flush()


def run(command: list[str], log) -> int:  # type: ignore[no-untyped-def]
    """Run *command* with its output copied to *log* and to our own standard output."""
    try:
        # A process group of its own: a signal sent to us is passed on exactly once, to the whole job.
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        announce(log, f"The command could not be started: {error}\n")
        return 127
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: pass_on(child, received))
    assert child.stdout is not None
    while chunk := child.stdout.read1(65536):  # type: ignore[attr-defined]
        log.write(chunk)
        log.flush()
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    code = child.wait()
    return 128 - code if code < 0 else code


def pass_on(child: subprocess.Popen, number: int) -> None:  # type: ignore[type-arg]
    with contextlib.suppress(ProcessLookupError):  # it ended in the same moment; wait() has its exit code
        os.killpg(child.pid, number)


def ending(command: list[str], exit_code: int, started: float) -> dict[str, object]:
    ended = time.time()
    return {
        "command": command,
        "exit_code": exit_code,
        "started": iso(started),
        "ended": iso(ended),
        "seconds": round(ended - started, 3),
        "results": os.environ.get("RIG_RESULTS", "required"),  # "optional": what it printed is its result
        "instance_type": os.environ.get("RIG_INSTANCE_TYPE", ""),
        "usd_per_hour": float(os.environ.get("RIG_USD_PER_HOUR") or 0),
    }


def iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def seal(workdir: Path) -> None:
    """Write `MANIFEST.sha256` in sha256sum's format: every file below *workdir* but itself and half-written ones."""
    files = sorted(
        path
        for path in workdir.rglob("*")
        if path.is_file() and not path.is_symlink() and path.name != MANIFEST and path.suffix != ".part"
    )
    lines = "".join(f"{sha256(path)}  {path.relative_to(workdir).as_posix()}\n" for path in files)
    write_whole(workdir / MANIFEST, lines.encode())


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write aside, flush to the disk, rename: the file is there whole, or not at all."""
    aside = path.with_name(path.name + ".part")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
