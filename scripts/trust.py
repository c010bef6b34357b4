"""Try everything that may not fail, at full size; a line for each kind: what, how many cases, how many wrong.

    make trust                 all of it; an hour and more
    make trust ROWS="canaries load"   only the rows whose names hold one of these words

docs/reliability.md has the figures of one such run. Exit code 1 if anything was wrong; what it was stands on stderr.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

PROJECT = Path(__file__).resolve().parents[1]

ROWS: dict[str, tuple[str, ...]] = {
    "killed at every AWS call, then again": ("tests/aws/instances/test_killed.py", "tests/aws/account/test_sweep.py"),
    "a whole command killed anywhere, then again": ("tests/workflows/test_killed_commands.py",),
    "pull killed at every write and command": ("tests/host/test_killed_pull.py",),
    "every part of a rented machine dies": ("tests/workflows/test_deaths.py", "tests/workflows/test_dying_alone.py"),
    "training killed, goes on to the bit": ("tests/training/trainer/test_resume.py",),
    "the line is cut in sync, follow, pull": ("tests/host/test_cuts.py",),
    "AWS misbehaves": (
        "tests/aws/client/test_responses.py",
        "tests/workflows/test_refusals.py",
        "tests/workflows/test_expired_login.py",
    ),
    "orders of two and three laptops": (
        "tests/workflows/test_homecoming.py",
        "tests/aws/instances/test_two_laptops.py",
    ),
    "bad input: command lines, variables, rig.toml": ("tests/test_any_command_line.py",),
    "bad input: answers of AWS, replayed": ("tests/aws/client/test_replayed_responses.py",),
    "bad input: words of a training job": ("tests/training/test_any_words.py",),
    "bad input: sensor logs and their descriptions": ("tests/training/test_any_log.py",),
    "bad input: what a host and a run say": (
        "tests/host/test_foreign.py",
        "tests/job/test_own_files.py",
        "tests/cli/test_hostile_runs.py",
    ),
    "bad input: tags of somebody else": ("tests/aws/test_foreign_tags.py",),
    "any names, kinds and moments of a pull": ("tests/host/test_pull.py",),
    "load: log lines, files, a day of following": ("tests/test_load.py",),
    "load: launches, runs on one machine": ("tests/workflows/test_load.py",),
    "canaries: planted credentials": ("tests/cli/test_canaries.py", "tests/host/test_secrets.py"),
}


@dataclass(frozen=True)
class Result:
    cases: int
    wrong: int
    seconds: float
    said: str


def main(words: Sequence[str]) -> int:
    wanted = [name for name in ROWS if not words or any(word in name for word in words)]
    if not wanted:
        print(f"No row has such a word: {' '.join(words)}. The rows: {', '.join(ROWS)}", file=sys.stderr)
        return 2
    wrong = 0
    for name in wanted:
        result = try_all(ROWS[name])
        print(f"{name:<48}{result.cases:>10,} cases{result.wrong:>5} wrong{result.seconds:>8.0f} s", flush=True)
        if result.wrong:
            print(result.said, file=sys.stderr)
        wrong += result.wrong
    return 1 if wrong else 0


def try_all(files: Sequence[str]) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
        environment = {**os.environ, "GLUON_RIG_TRUST": "1"}
        done = subprocess.run(
            line,
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
        )
        said = done.stdout + done.stderr
        return read(report.read_text(), said) if report.exists() else Result(0, 1, 0.0, said)


def read(report: str, said: str) -> Result:
    """A test that was left out (skipped) has tried nothing, whatever it would have counted."""
    suite = ElementTree.fromstring(report)
    ran = [case for case in suite.iter("testcase") if case.find("skipped") is None]
    wrong = sum(case.find("failure") is not None or case.find("error") is not None for case in ran)
    seconds = sum(float(one.get("time", 0)) for one in suite.iter("testsuite"))
    return Result(sum(_cases(case) for case in ran), wrong, seconds, said)


def _cases(case: ElementTree.Element) -> int:
    counted = [one.get("value") for one in case.iter("property") if one.get("name") == "cases"]
    return int(counted[0] or 1) if counted else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
