"""Training on this computer: interrupted, gone on with, and loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.job.spec import Job
from infra.rehearsal import processes
from infra.workflows import demo
from tests.workflows.user import eventually

RIG = Path(sys.executable).with_name("rig")
# Counts on from where it was, ends well at its second start, and does not listen.
SCRIPT = """\
import os, pathlib, signal, time
[signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)]
place = pathlib.Path(os.environ["RIG_RUN_DIR"], "count")
count = int(place.read_text()) + 1 if place.exists() else 1
place.write_text(str(count))
print("part", count, flush=True)
while count < 2:
    time.sleep(0.02)
"""


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RIG_", "AWS_"))}
    environment = {**kept, "HOME": str(folder)}
    return subprocess.Popen(
        [str(RIG), *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_after_ctrl_c_the_line_that_is_told_goes_on_in_the_same_run(tmp_path: Path) -> None:
    (tmp_path / "count.py").write_text(SCRIPT)
    process = start(tmp_path, "train", "--script", "count.py")
    assert process.stderr is not None
    while "part 1" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert "Ctrl-C once more ends it at once" in process.stderr.readline()
    process.send_signal(signal.SIGINT)  # for it does not listen
    process.wait(60)
    said = process.stderr.read()

    (run,) = (path for path in (tmp_path / "runs").iterdir() if not path.is_symlink())
    assert process.returncode == 130
    assert f"`rig train --resume {run.name}` goes on from its last checkpoint" in said
    eventually((run / "exit.json").exists, "the recorder's word, which it may write after `rig` has ended")
    assert json.loads((run / "exit.json").read_text())["exit_code"] == 137
    assert (tmp_path / "runs" / "latest").readlink() == Path(run.name)

    again = start(tmp_path, "train", "--resume", "latest")
    out, said = again.communicate(timeout=60)
    assert (again.returncode, (run / "count").read_text()) == (0, "2"), said
    assert f"run      {run.name}" in out

    through = start(tmp_path, "train", "--resume", run.name)
    assert (through.wait(60), "nothing to go on with" in through.stderr.read()) == (0, True)


def test_what_a_run_on_this_computer_is_told_in_vain_is_said(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("raise SystemExit(3)")
    first = start(tmp_path, "train", "--script", "ends.py", "--nodes", "4").communicate()[1]
    again = start(tmp_path, "train", "--resume", "latest", "--args", "x", "--workers", "1").communicate()[1]

    assert "nodes = 4 is for `rig train remote`: this is this computer alone" in first
    assert "Left aside: --args. A run goes on with what it was begun with" in again
    assert json.loads(next(tmp_path.glob("runs/2*/job.json")).read_text())["workers"] == "1"


def test_a_job_that_was_killed_here_is_not_blamed_on_docker(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    _, said = (process := start(tmp_path, "train", "--script", "killed.py")).communicate(timeout=60)

    assert process.returncode == 1
    assert "`rig train --resume " in said
    assert "docker" not in said


def test_a_run_that_still_goes_on_is_not_begun_a_second_time_even_if_its_terminal_has_died(tmp_path: Path) -> None:
    (tmp_path / "count.py").write_text(SCRIPT)
    process = start(tmp_path, "train", "--script", "count.py")
    assert process.stderr is not None
    while "part 1" not in process.stderr.readline():
        assert process.poll() is None
    process.kill()
    process.communicate()
    (run,) = (path for path in (tmp_path / "runs").iterdir() if not path.is_symlink())

    try:
        again = start(tmp_path, "train", "--resume", run.name)
        _, said = again.communicate(timeout=60)
        assert again.returncode == 2, said
        assert f"Run {run.name} still goes on, on this computer" in said
        assert (run / "count").read_text() == "1"
    finally:
        (run / "count").write_text("end")
        for pid in processes.carrying(f"RIG_RUN={run.name}"):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("name", ["nowhere", "../count", "a" * 5000, ""])
def test_a_run_that_is_not_here_is_not_gone_on_with(tmp_path: Path, name: str) -> None:
    process = start(tmp_path, "train", "--resume", name) if name else start(tmp_path, "train", "--recover")
    _, said = process.communicate(timeout=60)

    assert process.returncode == 2, said
    assert not (tmp_path / "runs").exists()


def test_a_record_of_a_job_that_is_none_is_refused() -> None:
    for text in ("[]", "{}", '{"name": 1, "command": []}', '{"name": "a", "command": [1]}', "[" * 5000):
        with pytest.raises(ValueError, match=r"not a job|Expecting"):
            Job.from_json(text)


def test_a_computer_without_mxnet_is_told_before_the_demo_starts_and_sees_the_rest_of_the_story(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(demo, "find_spec", lambda name: None)

    assert demo.choose_job("process", told.append).name == "cmd"
    assert demo.choose_job("docker", told.append).name == "lenet"
    (said,) = told
    assert "There is no MXNet on this computer" in said
    assert "`rig demo --engine docker` trains" in said
