"""A study on several machines: what one computer finds, whoever dies on the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sizes import size
from tests.training.pack.test_machines import free_place
from tests.training.tune.test_tune import PROJECT, SPACE, _optuna, finish, start, trials_of, worker_with_a_trial

pytestmark = [pytest.mark.exhaustive, pytest.mark.usefixtures("_optuna")]  # each is a study
assert _optuna, "a fixture"
TRIALS = 4


def machines(folder: Path, *words: str) -> list[subprocess.Popen[str]]:
    first = free_place()
    line = [sys.executable, "-m", "training", "tune", "linear", "--space", SPACE, "--trials", str(TRIALS), *words]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    both: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    places = [["--workdir", str(folder / str(n)), "--nodes", "2", "--node", str(n), "--first", first] for n in range(2)]
    rest = ["--workers", "1", "--no-pruning", "--", "limit=640", "device=cpu"]
    return [
        subprocess.Popen([*line, *place, *rest], cwd=PROJECT, env=environ, start_new_session=True, **both)
        for place in places
    ]


def kill_a_worker(second: subprocess.Popen[str]) -> None:
    worker_with_a_trial(second).send_signal(signal.SIGKILL)


def kill_the_machine(second: subprocess.Popen[str]) -> None:
    trial = worker_with_a_trial(second)
    os.killpg(second.pid, signal.SIGKILL)
    trial.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    finish(start(folder / "study", TRIALS, 1, "--no-pruning"))
    return folder / "study"


@pytest.mark.parametrize("death", size([kill_the_machine], [kill_the_machine, kill_a_worker]))
def test_two_machines_find_what_one_finds_whoever_dies(
    tmp_path: Path, alone: Path, death: Callable[[Any], None]
) -> None:
    first, second = machines(tmp_path)
    death(second)

    said = finish(first)
    ended = second.communicate(timeout=60)[0]

    assert trials_of(tmp_path / "0") == trials_of(alone)
    assert (tmp_path / "0/best.params").read_bytes() == (alone / "best.params").read_bytes()
    assert all((tmp_path / f"0/trials/{number:04}/report.html").is_file() for number in range(TRIALS))
    if death is kill_the_machine:
        assert "node 2 is lost: trial" in said
    else:
        assert (second.returncode, ended) == (0, "")
        logs = [*(tmp_path / "0/trials").glob("*/train.log"), *(tmp_path / "1/trials").glob("*/train.log")]
        begun = {log.parent.name: log.read_text().count("\ndevice cpu") for log in logs}
        assert begun == {f"{number:04}": 1 for number in range(TRIALS)}, "none twice"


def test_a_machine_that_is_asked_to_stop_lets_its_trial_save_and_the_study_goes_on(tmp_path: Path) -> None:
    first, second = machines(tmp_path, "--minutes", "5")
    worker_with_a_trial(second)
    time.sleep(1)
    second.terminate()

    assert second.wait(timeout=90) == 0
    finish(first)
    assert [state for state, *_ in trials_of(tmp_path / "0").values()].count("done") >= TRIALS - 1
    shutil.rmtree(tmp_path)
