"""Run a command in a work folder and leave a complete record of it there.

    python3 recorder.py WORKDIR -- COMMAND WORD...
    python3 recorder.py --seal WORKDIR

Runs inside the container (or as a plain process), with nothing but the standard library, so that any program of the
user's gets the same record as ours: `job.json` (what was to be done, from $RIG_JOB_FILE, so that it can be resumed
elsewhere), `train.log` (all it printed), `exit.json` (how it ended) and, last of all, `MANIFEST.sha256`. A folder with
a manifest is whole; `--seal` writes the manifest of a run whose recorder was killed.
Standard output is passed on, so that `docker logs` shows the same lines; of a line that is written over and over
(tqdm), its newest state.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

# On the instance this file is a program with its neighbours beside it; on the laptop it is in a package as well.
if __package__:
    from infra.remote import turn, workspace
    from infra.remote.advice import advice
    from infra.remote.live_output import copy
else:
    import turn  # type: ignore[import-not-found, no-redef]
    import workspace  # type: ignore[import-not-found, no-redef]
    from advice import advice  # type: ignore[import-not-found, no-redef]
    from live_output import copy  # type: ignore[import-not-found, no-redef]

MARK = "gluon-rig"  # a program may write files of these names too; ours say so
OUR_SEAL = rb"MANIFEST\.sha256|\.gluon-rig-MANIFEST\.sha256\.\d+"
LOG, EXIT, MANIFEST, JOB = "train.log", "exit.json", "MANIFEST.sha256", "job.json"
# What a job gets to save and end. Less than `docker stop` waits (job/container.py): then we are killed with it, and
# nobody is left to write how it ended.
GRACE_S = 50.0
SORTED_AT_ONCE = 20_000


def main(argv: list[str]) -> int:
    if len(argv) == 2 and argv[0] == "--seal":
        return seal_later(Path(argv[1]))
    if len(argv) < 3 or argv[1] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    return record(Path(argv[0]), argv[2:])


def seal_later(workdir: Path) -> int:
    try:
        seal(workdir)
    except OSError as error:  # a full disk, most likely: the files come home without it
        print(f"The manifest could not be written: {error}", file=sys.stderr)
        return 1
    return 0


def record(workdir: Path, command: list[str]) -> int:
    """Run *command*, write its record into *workdir*, return its exit code (128 + signal if a signal ended it)."""
    workdir.mkdir(parents=True, exist_ok=True)
    seconds_before = seconds_of(workdir / EXIT)
    for leftover in (MANIFEST, EXIT):  # of an earlier part of a run that is resumed
        (workdir / leftover).unlink(missing_ok=True)
    job = Path(os.environ.get("RIG_JOB_FILE") or os.devnull)
    if job.is_file():
        workspace.write_whole(workdir / JOB, job.read_bytes() + b"\n")
    child = Child()
    # Unbuffered: what a full disk refused must not be tried, and fail, again when the file is closed.
    with (workdir / LOG).open("ab", buffering=0) as log:
        with turn.awaited(lambda text: announce(log, text), lambda: bool(child.asked_to_end)):
            started, killed_before = time.time(), oom_kills()
            exit_code = do(command, child, log, workdir)
        if exit_code and (next_step := advice(last_words(workdir / LOG), in_container=workspace.is_given(workdir))):
            announce(log, f"gluon-rig: {next_step}\n")
    end = {
        **ending(command, exit_code, started, signal_name=child.asked_to_end, killed=oom_kills() - killed_before),
        "seconds_before": seconds_before,
    }
    try:
        workspace.give_way(workdir / EXIT)
        workspace.write_whole(workdir / EXIT, json.dumps(end, indent=2).encode() + b"\n")
        seal(workdir)
    except OSError as error:
        # A full disk must not turn a verdict into a lie: the exit code goes out by Docker all the same.
        print(f"The record could not be written: {error}", file=sys.stderr)
    return exit_code


def do(command: list[str], child: Child, log: IO[bytes], workdir: Path) -> int:
    if child.asked_to_end:  # while it waited for its turn
        return 128 + signal.Signals[child.asked_to_end]
    if refusal := gpu_missing():
        announce(log, refusal)
        return 1
    with workspace.gathering(workdir):
        return child.run(command, log)


def gpu_missing() -> str:
    """Why this run must not start: a GPU was rented, and the container does not see it. Never a silent CPU run."""
    if os.environ.get("RIG_REQUIRE_GPU") != "1":
        return ""
    if not shutil.which("nvidia-smi"):
        return "No GPU in the container: nvidia-smi is missing. Is the NVIDIA container toolkit set up on the host?\n"
    try:
        asked = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "No GPU in the container: nvidia-smi does not answer.\n"
    if asked.returncode != 0 or "GPU" not in asked.stdout:
        return f"No GPU in the container. nvidia-smi says: {(asked.stdout + asked.stderr).strip()}\n"
    return ""


def last_words(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        return file.read(4096).decode(errors="replace")
    return ""


def announce(log: IO[bytes], text: str) -> None:
    with contextlib.suppress(OSError):  # a full disk: then at least Docker's log says it
        log.write(text.encode())
    sys.stdout.write(text)
    sys.stdout.flush()


class Child:
    """The job's process group. A signal sent to us is passed on exactly once, to all of it."""

    def __init__(self) -> None:
        self.asked_to_end = ""
        self._patience: threading.Timer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # Before the process is there: a signal in the moment between would end us alone.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass_on)

    def run(self, command: list[str], log: IO[bytes]) -> int:
        """Run *command* with its output copied to *log* and to our own standard output; its exit code."""
        try:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            announce(log, f"The command could not be started: {error}\n")
            return 127
        if self.asked_to_end:
            self._pass_on(signal.Signals[self.asked_to_end], None)
        assert self._process.stdout is not None
        copying = threading.Thread(target=copy, args=(self._process.stdout, log), daemon=True)
        copying.start()
        code = self._process.wait()
        if self._patience is not None:
            self._let_the_rest_save(self._patience, copying)
            self._patience.cancel()
        # What the job left in the background would keep the run, and the bill, going for ever.
        self._kill_the_rest()
        copying.join(timeout=5)
        return 128 - code if code < 0 else code

    def _pass_on(self, number: int, _: object) -> None:
        if number == signal.SIGINT and self._patience is not None:  # Ctrl-C once more: it has been asked already
            self._kill_the_rest()
            return
        self.asked_to_end = signal.Signals(number).name
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended in the same moment; wait() has its exit code
                os.killpg(self._process.pid, number)
            if self._patience is None:
                self._patience = threading.Timer(grace_s(), self._kill_the_rest)
                self._patience.daemon = True
                self._patience.start()

    def _let_the_rest_save(self, patience: threading.Timer, copying: threading.Thread) -> None:
        """A shell dies of the signal at once, while the program that it has started still saves its checkpoint.

        Over when nobody is left in the group, nobody holds its output, or patience has ended.
        """
        while patience.is_alive() and copying.is_alive() and self._somebody_is_left():
            copying.join(timeout=0.05)

    def _somebody_is_left(self) -> bool:
        assert self._process is not None
        try:
            os.killpg(self._process.pid, 0)
        except (ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
            return False
        return True

    def _kill_the_rest(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
            os.killpg(self._process.pid, signal.SIGKILL)


def grace_s() -> float:
    try:
        return float(os.environ["RIG_GRACE_S"])
    except (KeyError, ValueError):
        return GRACE_S


def oom_kills() -> int:
    """How many processes of this container the kernel has killed for want of memory; 0 where it does not say.

    cgroup v2 counts here also those killed because the whole machine was full, which Docker's own flag may miss:
    https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.events), and memory.oom_control of version 1.
    """
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError, ValueError):
            rows = dict(line.split() for line in Path(path).read_text().splitlines())
            return int(rows.get("oom_kill", 0))
    return 0


def seconds_of(path: Path) -> float:
    """How long the earlier parts of a run took that is resumed in its folder; 0 for none."""
    try:
        earlier = json.loads(path.read_text())
        return float(earlier["seconds"]) + float(earlier["seconds_before"]) if earlier["by"] == MARK else 0.0
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0.0


def ending(command: list[str], exit_code: int, started: float, *, signal_name: str, killed: int) -> dict[str, object]:
    ended = time.time()
    return {
        "by": MARK,
        "command": command,
        "exit_code": exit_code,
        "signal": signal_name,  # what we were asked to end by, if we were
        "oom_kills": max(killed, 0),
        "started": iso(started),
        "ended": iso(ended),
        "seconds": round(ended - started, 3),
        "instance_type": os.environ.get("RIG_INSTANCE_TYPE", ""),
        "usd_per_hour": float(os.environ.get("RIG_USD_PER_HOUR") or 0),
        "pretended": os.environ.get("RIG_PRETENDED") == "1",  # in a rehearsal: it would have cost that
        "results": os.environ.get("RIG_RESULTS", "required"),  # "optional": what it printed is its result
    }


def iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def seal(workdir: Path) -> None:
    """Write `MANIFEST.sha256`: every file below *workdir* but itself, whatever it is called.

    A file that cannot be read is left out and said: it must not cost the others their seal.
    """
    workspace.give_way(workdir / MANIFEST)
    for trouble in workspace.gather(workdir):
        print(f"Not among the results: {trouble}", file=sys.stderr)
    root = os.fsencode(workdir)
    with workspace.writing_whole(workdir / MANIFEST) as manifest:
        for name in files_below(root):
            try:
                digest = sha256(Path(os.fsdecode(os.path.join(root, name))))
            except OSError as error:
                print(f"Not in the manifest: {error}", file=sys.stderr)
                continue
            manifest.write(manifest_line(name, digest))


def files_below(root: bytes) -> Iterator[bytes]:
    """Names in bytes, as bytes compare: on Linux a name is any bytes but / and zero, and need not be text.

    The run's copy of the code is no result; what the run wrote there has a second name beside it.
    """
    ours = {os.fsencode(name) for name in workspace.OURS}
    waiting = [sorted_names(root)]
    while waiting:
        path = next(waiting[-1], None)
        if path is None:
            waiting.pop()
            continue
        name = path[len(root) :].strip(b"/")
        if name in ours or re.fullmatch(OUR_SEAL, name):
            continue
        if path.endswith(b"/"):
            waiting.append(sorted_names(path))
        else:
            yield name


def sorted_names(folder: bytes) -> Iterator[bytes]:
    """The paths of the plain files and, with a slash at the end, of the folders in *folder*: so they compare as all
    below them would. Those of a very large folder wait on the disk: a million take no more memory than some thousand.
    """
    pieces: list[Iterable[bytes]] = []
    names = entries(folder)
    while piece := sorted(itertools.islice(names, SORTED_AT_ONCE)):
        pieces.append(piece if len(piece) < SORTED_AT_ONCE else on_disk(piece))
    return heapq.merge(*pieces)


def entries(folder: bytes) -> Iterator[bytes]:
    with contextlib.suppress(OSError), os.scandir(folder) as found:  # removed in this moment, or closed to us
        for entry in found:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    yield entry.path + b"/"
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path


def on_disk(names: list[bytes]) -> Iterator[bytes]:
    """*names*, none of them empty, which a file without a name holds until they are asked for."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is gone when the last name was read
    for name in names:
        file.write(len(name).to_bytes(4, "big") + name)
    file.seek(0)
    return iter(lambda: file.read(int.from_bytes(file.read(4), "big")), b"")


def manifest_line(name: bytes, digest: str) -> bytes:
    """As sha256sum writes it, and `sha256sum --check` reads it: a line whose name has a backslash or a line end begins
    with a backslash, and has them escaped (GNU coreutils manual, "md5sum invocation")."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != name else b"") + digest.encode() + b"  " + escaped + b"\n"


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
