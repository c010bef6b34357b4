"""One trial: `python -m training JOB` in a folder of its own. Runs in a Dask worker, and knows nothing of the study."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from training.places import count_gpus, naming_node
from training.workdir.metrics import MetricsFile
from training.workdir.names import METRICS, SUMMARY
from training.workdir.summary import DONE, INTERRUPTED, is_done

PRUNE = "prune"  # a file of this name asks the trial to leave off
LOG = "train.log"
TRIALS = "trials"
FOLDER = "RIG_STUDY"
"""In the environment of the workers: the study's folder on their machine."""


@dataclass(frozen=True)
class Outcome:
    """*reason*: done, interrupted, or failed; *said*: the last line of its log; *seconds*: of this part of it.

    *scores*: by epoch. *pruned*: it was asked to leave off.
    """

    reason: str
    said: str
    seconds: float
    scores: Mapping[int, float]
    pruned: bool


def study_here() -> Path:
    """The study's folder on the machine of this worker."""
    return Path(os.environ[FOLDER])


def folder_of(study: Path, number: int) -> Path:
    return study / TRIALS / f"{number:04}"


def run_trial(job: str, number: int, words: Sequence[str], metric: str) -> Outcome:
    """Run it, or go on with it; one that another worker has begun is waited for, and never done twice."""
    workdir, began = folder_of(study_here(), number), time.monotonic()
    with naming_node(), _alone_in(workdir) as lock:
        # A worker that was killed leaves its process behind, which holds the lock and goes on to the end.
        if not is_done(workdir) and not (workdir / PRUNE).exists():
            _run(job, workdir, words, lock)
    seconds, pruned = time.monotonic() - began, (workdir / PRUNE).exists()
    return Outcome(_reason(workdir), _last_line(workdir / LOG), seconds, scores(workdir, metric), pruned)


@contextmanager
def _alone_in(folder: Path) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield opened
    finally:
        os.close(opened)


def _run(job: str, workdir: Path, words: Sequence[str], lock: int) -> None:
    line = [sys.executable, "-m", "training", job, "--workdir", str(workdir), *words]
    with (workdir / LOG).open("ab") as log:
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, pass_fds=[lock], env=_environment()
        )
        while process.poll() is None:
            if (workdir / PRUNE).exists():
                process.terminate()
                process.wait()
            time.sleep(0.2)


def _environment() -> dict[str, str]:
    """Where there are GPUs, each worker's trials have one of their own."""
    from distributed import get_worker

    number = str(get_worker().name).rpartition(":")[2]
    return {**os.environ, **({"CUDA_VISIBLE_DEVICES": number} if count_gpus() else {})}


def end_trials(job: str, above: int) -> None:
    """Ask those below the process *above* to save and end, and wait for that."""
    trials = [one for one in psutil.Process(above).children(recursive=True) if _is_trial(one, job)]
    for process in trials:
        process.terminate()
    psutil.wait_procs(trials, timeout=45)


def _is_trial(process: psutil.Process, job: str) -> bool:
    try:
        return process.cmdline()[1:4] == ["-m", "training", job]
    except psutil.Error:
        return False


def _reason(workdir: Path) -> str:
    try:
        said = json.loads((workdir / SUMMARY).read_text())["reason"]
    except (OSError, ValueError, KeyError, TypeError):
        return "failed"
    return said if said in (DONE, INTERRUPTED) else "failed"


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""


def scores(folder: Path, metric: str) -> dict[int, float]:
    """The validation's *metric* by epoch, as far as the trial has come. The test split is nobody's to choose by."""
    rows = MetricsFile(folder / METRICS).rows()
    name = f"valid_{metric}"
    return {row["epoch"]: row[name] for row in rows if isinstance(row.get(name), int | float)}
