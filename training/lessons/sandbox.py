"""The learner's script in a process of its own: it may print, loop for ever, exit, or break Python; we still answer.

`python -m training.lessons.sandbox NUMBER FILE REPORT` is the child; it writes its verdict, as JSON, into REPORT.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from training.__main__ import NO_MXNET, WHERE_INSTEAD
from training.errors import BadInput
from training.lessons.catalog import LESSONS, Lesson
from training.lessons.hint import Hint
from training.lessons.judge import TOO_LONG, Verdict, judge
from training.lessons.script import TimeUp

CPU_S = 60  # of computing, in all threads: the lessons' own solutions need 5 at most
WALL_S = 300  # of waiting besides: a busy computer is no fault of the learner's
SHOWN_LINES = 12
KEPT_BYTES = 64 << 10
ENDED = Hint(
    "ended",
    "Python itself came to an end inside your script, without a word.",
    "os._exit, a signal, or too much memory ends everything at once; no check can look behind that.",
    "Is there an exit, or an array that became very large?",
)


@dataclass(frozen=True)
class Checked:
    """*printed*: the last lines of what the script itself printed."""

    verdict: Verdict
    printed: tuple[str, ...]


def check(lesson: Lesson, path: Path, *, cpu_s: float = CPU_S, wall_s: float = WALL_S) -> Checked:
    """Judge the script at *path* in another process, which is gone when this returns. Raises BadInput without MXNet."""
    if find_spec("mxnet") is None:
        raise BadInput(NO_MXNET, WHERE_INSTEAD)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as printed:
        report = Path(folder) / "report.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "training.lessons.sandbox", str(lesson.number), str(path), str(report)],
            cwd=folder,  # what it writes goes with it
            env={**os.environ, **_environment(cpu_s)},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that what it starts can be ended with it
        )
        try:
            process.wait(wall_s)
            late = False
        except subprocess.TimeoutExpired:
            late = True
        finally:
            _end(process)
        return Checked(_verdict(report, late=late), _last_lines(printed.fileno()))


def _environment(cpu_s: float) -> dict[str, str]:
    """Paths lead to this project from wherever; pictures are drawn into files; a lesson runs without a run's folder."""
    project = str(Path(__file__).resolve().parents[2])
    behind = os.environ.get("PYTHONPATH")
    return {
        "LESSON_CPU_S": str(cpu_s),
        "MPLBACKEND": "Agg",
        "PYTHONPATH": project + (os.pathsep + behind if behind else ""),
        "PYTHONUNBUFFERED": "1",
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # all gone; macOS says the second of one that just ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _verdict(report: Path, *, late: bool) -> Verdict:
    try:
        return Verdict.from_json(json.loads(report.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):  # none, or one that the script has spoilt
        return Verdict((), 0, TOO_LONG if late else ENDED)


def _last_lines(descriptor: int) -> tuple[str, ...]:
    size = os.fstat(descriptor).st_size
    kept = os.pread(descriptor, KEPT_BYTES, max(0, size - KEPT_BYTES)).decode(errors="replace")
    return tuple(kept.splitlines()[-SHOWN_LINES:])


def _time_is_up(*_: object) -> NoReturn:
    raise TimeUp


def _main(number: str, path: str, report: str) -> None:
    import mxnet  # noqa: F401  before the clock runs: the import is not the learner's time

    signal.signal(signal.SIGPROF, _time_is_up)
    # And every second again: a bare `except:` in a loop may swallow the first.
    signal.setitimer(signal.ITIMER_PROF, float(os.environ["LESSON_CPU_S"]), 1)
    verdict = judge(LESSONS[int(number) - 1], Path(path))
    signal.setitimer(signal.ITIMER_PROF, 0)
    Path(report).write_text(json.dumps(verdict.to_json()), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads and exit handlers that the script left behind keep nobody waiting


if __name__ == "__main__":
    _main(*sys.argv[1:])
