"""The same run on this computer: the same recorder, the same work folder, no instance."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.errors import UserError
from infra.host.local_programs import local_process
from infra.job.spec import Job
from infra.job.workers import PROGRAM, in_workers, require_horovod
from infra.kit_files import ROOT
from infra.remote.recorder import JOB
from infra.remote.workspace import write_whole

_REMOTE = Path(__file__).resolve().parents[1] / "remote"


def run_here(job: Job, name: str, *, runs: Path, code: Path, data: Path, show: Callable[[str], None]) -> int:
    """Run *job* in *code* and return its exit code; its work folder is runs/NAME.

    Ctrl-C asks the job to save a checkpoint and end, and is then raised again.
    """
    require_horovod(job.workers)
    folder = (runs / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder) as lock, _out_folder(code):
        write_whole(folder / JOB, job.to_json().encode() + b"\n")
        return _run(job, name, folder, code, data, show, lock)


@contextmanager
def _alone_in(folder: Path) -> Iterator[int]:
    """The recorder gets this lock, too: a run whose terminal was closed goes on, and is alone in its folder still."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield opened
    except BlockingIOError:
        raise UserError(
            f"Run {folder.name} still goes on, on this computer.",
            f"`tail -f runs/{folder.name}/train.log` follows it; a second one in its folder would spoil both",
        ) from None
    finally:
        os.close(opened)


@contextmanager
def _out_folder(code: Path) -> Iterator[None]:
    """./out is there, as it is on an instance; what nobody wrote into is taken away again."""
    out = code / "out"
    made = not os.path.lexists(out)
    with suppress(OSError):  # a code folder nobody may write into: a program that needs ./out says so
        out.mkdir()
    try:
        yield
    finally:
        with suppress(OSError):  # something is in it: it stays
            if made:
                out.rmdir()


def _run(job: Job, name: str, folder: Path, code: Path, data: Path, show: Callable[[str], None], lock: int) -> int:
    own = _with_this_python(job.command_in(str(folder), str(data)))
    command = _with_this_python(in_workers(own, str(_REMOTE / PROGRAM), job.workers))
    process = local_process(
        [sys.executable, str(_REMOTE / "recorder.py"), str(folder), "--", *command],
        cwd=code,
        env={**os.environ, **_environment(job, name, folder, data)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[lock],
        start_new_session=True,  # Ctrl-C reaches us alone; we pass a gentler signal on
    )
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            show(raw.decode(errors="replace").rstrip("\n"))
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        _hear_out(process, show)
        raise
    return process.wait()


def _with_this_python(line: Sequence[str]) -> list[str]:
    """The program alone: python3 is also what a notebook's kernel is called, and may stand among a user's words."""
    return [sys.executable if line[0] == "python3" else line[0], *line[1:]]


def _hear_out(process: subprocess.Popen[bytes], show: Callable[[str], None]) -> None:
    """To the end of a run that was asked to end; a second Ctrl-C ends it at once."""
    assert process.stdout is not None
    try:
        # Said in here: the second Ctrl-C may come as soon as it can be read.
        show("Asking it to save and end; Ctrl-C once more ends it at once.")
        for raw in process.stdout:
            show(raw.decode(errors="replace").rstrip("\n"))
        process.wait()
    except KeyboardInterrupt:
        while process.poll() is None:  # the recorder takes this one for "at once" when it has heard the first
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)


def _environment(job: Job, name: str, folder: Path, data: Path) -> dict[str, str]:
    bin_folder = str(Path(sys.executable).parent)
    return {
        **_mxnet_home(data),
        **_find_training(job),
        "JUPYTER_PREFER_ENV_PATH": "1",  # a notebook's kernel is this Python, not one the user has elsewhere
        "PATH": os.pathsep.join([bin_folder, os.environ.get("PATH", os.defpath)]),  # `python` in a command, likewise
        "PYTHONUNBUFFERED": "1",
        "RIG_DATA": str(data),
        "RIG_RESULTS": "required" if job.results else "optional",
        "RIG_RUN": name,
        "RIG_RUN_DIR": str(folder),
    }


def _find_training(job: Job) -> dict[str, str]:
    """`python -m training` works in any folder: one of its own there comes first."""
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)]
    return {"PYTHONPATH": os.pathsep.join(paths)} if job.is_of_the_kit else {}


def _mxnet_home(data: Path) -> dict[str, str]:
    """The data folder, as on an instance; but where MXNet has kept files before, it goes on finding them."""
    used = "MXNET_HOME" in os.environ or (Path.home() / ".mxnet").exists()
    return {} if used else {"MXNET_HOME": str(data / "mxnet")}
