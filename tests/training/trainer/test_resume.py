"""A run that was killed at any moment, and resumed, gives the numbers of an unbroken one: bit for bit, on the CPU."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sizes import size, tried
from tests.training import small_job
from training.compat import mx
from training.data.splits import Data
from training.errors import BadCheckpoint, NonFiniteLoss
from training.trainer import checkpoint
from training.trainer.learner import GluonLearner
from training.trainer.signals import StopRequest
from training.workdir import names
from training.workdir.metrics import MetricsFile

HERE = Path(__file__).parents[1]
KILLS = size(5, 50)
LONG = (f"num_epochs={max(8, 2 * KILLS)}", "examples=1200", "checkpoint_every_s=0.02")
DEADLINE_S = 120 if KILLS <= 10 else 1200


def environ() -> dict[str, str]:
    """One thread: the nets here are so small that a second one only waits, which costs as much as working."""
    paths = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def start(workdir: Path, *words: str) -> subprocess.Popen[str]:
    line = [sys.executable, str(HERE / "small_job.py"), str(workdir), *words]
    return subprocess.Popen(line, env=environ(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=DEADLINE_S)
    return said


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def numbers(workdir: Path) -> dict[str, object]:
    """All that a run computed: the last checkpoint's arrays and position, the best weights, and the rows of metrics."""
    newest = checkpoint.newest(workdir / "checkpoints")
    assert newest is not None
    arrays, state = checkpoint.load(newest)
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in MetricsFile(workdir / "metrics.jsonl").rows()]
    return {
        "arrays": {name: array.asnumpy().tobytes() for name, array in arrays.items()},
        "position": state["position"],
        "optimizer": state["optimizer"],
        "best": (workdir / "best.params").read_bytes(),
        "rows": rows,
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    workdir = tmp_path_factory.mktemp("unbroken") / "run"
    process = start(workdir, *LONG)
    said = finish(process)
    assert process.returncode == 0, said
    return numbers(workdir)


@pytest.mark.parametrize("kills", [1, pytest.param(KILLS, marks=pytest.mark.exhaustive)])
def test_killed_at_random_moments_it_ends_with_the_same_bits(
    tmp_path: Path, unbroken: dict[str, object], kills: int
) -> None:
    """Each kill falls at a random moment after the first checkpoint of that attempt."""
    tried(kills)
    draw = random.Random(2026)
    for _ in range(kills):
        before = checkpoint.newest(tmp_path / "checkpoints")
        process = start(tmp_path, *LONG)
        wait_until(lambda before=before: checkpoint.newest(tmp_path / "checkpoints") != before, process)
        time.sleep(draw.uniform(0, 0.15 if KILLS <= 10 else 0.05))  # the moment of death, not a wait
        process.kill()
        finish(process)
        assert process.returncode == -signal.SIGKILL, "the run was over before it was killed: make it longer"
    process = start(tmp_path, *LONG)
    said = finish(process)

    assert process.returncode == 0, said
    assert "going on from step-" in said
    assert numbers(tmp_path) == unbroken


class _After(StopRequest):
    """A wish to stop that comes true when it has been looked at *looks* times: once before each step."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("steps", [0, 1, 23, 40, 57])
def test_stopped_after_any_step_it_goes_on_with_the_same_bits(tmp_path: Path, finished_run: Path, steps: int) -> None:
    """Step 0, the first, within an epoch and between two log rows, at the end of an epoch, and in the next one."""
    stopped = small_job.run(tmp_path, stop=_After(steps))
    finished = small_job.run(tmp_path)

    assert (stopped.reason, stopped.steps, finished.reason) == ("interrupted", steps, "done")
    assert numbers(tmp_path) == numbers(finished_run)


def test_a_run_of_which_only_the_checkpoints_survived_ends_with_the_same_bits(
    tmp_path: Path, finished_run: Path
) -> None:
    """As when a machine is lost and a bucket holds copies of its checkpoints: the log of before is gone, no more."""
    small_job.run(tmp_path / "lost", stop=_After(57))
    shutil.copytree(tmp_path / "lost" / "checkpoints", tmp_path / "new" / "checkpoints")
    small_job.run(tmp_path / "new")
    ours, theirs = numbers(tmp_path / "new"), numbers(finished_run)

    assert {**ours, "rows": []} == {**theirs, "rows": []}
    assert ours["rows"] == [row for row in theirs["rows"] if row["step"] > 57]


def test_a_checkpoint_of_other_settings_is_named_even_where_config_json_is_lost(tmp_path: Path) -> None:
    small_job.run(tmp_path / "lost", stop=_After(23))
    shutil.copytree(tmp_path / "lost" / "checkpoints", tmp_path / "new" / "checkpoints")

    with pytest.raises(BadCheckpoint, match=r"is of a run with other settings:\n  - lr: 0\.003 then, 0\.1 now"):
        small_job.run(tmp_path / "new", "lr=0.1")
    assert not (tmp_path / "new" / "config.json").exists()


def test_stopped_on_two_devices_it_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    """Without dropout: two threads draw from the one source of random numbers of all CPU devices, in any order."""
    words = ("device=cpu:2", "num_epochs=2", "dropout=0")
    small_job.run(tmp_path / "unbroken", *words)
    small_job.run(tmp_path / "stopped", *words, stop=_After(55))
    small_job.run(tmp_path / "stopped", *words)

    assert numbers(tmp_path / "stopped") == numbers(tmp_path / "unbroken")


class _Dies(_After):
    """As a kill does: nothing is saved."""

    def is_set(self) -> bool:
        if super().is_set():
            raise SystemExit("killed")
        return False


def test_killed_before_its_first_checkpoint_it_begins_anew_and_leaves_no_row_twice(
    tmp_path: Path, finished_run: Path
) -> None:
    with pytest.raises(SystemExit, match="killed"):
        small_job.run(tmp_path, stop=_Dies(30))
    assert MetricsFile(tmp_path / "metrics.jsonl").rows()[0]["step"] == 7
    assert checkpoint.newest(tmp_path / "checkpoints") is None
    (tmp_path / ".gluon-rig-aside-left").mkdir()
    small_job.run(tmp_path)

    assert numbers(tmp_path) == numbers(finished_run)
    assert not list(tmp_path.rglob(f"{names.ASIDE}*"))


def test_a_resumed_run_that_finds_other_data_names_the_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_job.run(tmp_path, stop=_After(23))
    before = (tmp_path / "metrics.jsonl").read_bytes()
    identity = Data.identity
    monkeypatch.setattr(Data, "identity", lambda self: {**identity(self), "training set": "crc32 00000000"})

    with pytest.raises(BadCheckpoint, match=r"run on other data:\n  - training set: crc32 \w+ then, crc32 0+ now"):
        small_job.run(tmp_path)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("optimizer", ["adam", "nadam", "nag", "rmsprop", "sgld", "ftrl"])
def test_every_kind_of_optimizer_state_survives(tmp_path: Path, optimizer: str) -> None:
    words = (f"optimizer={optimizer}", "num_epochs=2", "dropout=0", "lr=0.001")
    small_job.run(tmp_path / "unbroken", *words)
    small_job.run(tmp_path / "stopped", *words, stop=_After(23))
    small_job.run(tmp_path / "stopped", *words)

    assert numbers(tmp_path / "stopped") == numbers(tmp_path / "unbroken")


def test_the_optimizers_state_finds_its_weights_whatever_number_gluon_gives_a_block(
    tmp_path: Path, finished_run: Path
) -> None:
    """Gluon counts all blocks of a process: dense0, dense1, ... A run that measured two devices has counted on."""
    small_job.run(tmp_path, stop=_After(23))
    name = mx.gluon.nn.Dense(1).name
    last_of_its_length = f"dense{10 ** len(name.removeprefix('dense')) - 2}"
    while mx.gluon.nn.Dense(1).name != last_of_its_length:
        pass
    small_job.run(tmp_path)  # its two layers are now dense99 and dense100, so to speak

    assert numbers(tmp_path) == numbers(finished_run)


def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of a step is of the weights before it; its update may be what breaks them."""
    weights = GluonLearner.weights
    broken = float("nan")
    monkeypatch.setattr(GluonLearner, "weights", lambda self: {name: a * broken for name, a in weights(self).items()})

    with pytest.raises(NonFiniteLoss, match=r"The weights .* are no finite numbers any more after step"):
        small_job.run(tmp_path)
    assert checkpoint.newest(tmp_path / "checkpoints") is None


def test_sigterm_saves_a_checkpoint_and_exits_0_with_the_reason(tmp_path: Path) -> None:
    process = start(tmp_path, "num_epochs=100000", "checkpoint_every_s=1000")
    wait_until(lambda: len(MetricsFile(tmp_path / "metrics.jsonl").rows()) >= 3, process)
    process.send_signal(signal.SIGTERM)
    said = finish(process)
    summary = json.loads((tmp_path / "summary.json").read_text())
    newest = checkpoint.newest(tmp_path / "checkpoints")

    assert process.returncode == 0, said
    assert (summary["reason"], summary["message"]) == ("interrupted", "SIGTERM")
    assert newest is not None
    assert checkpoint.load(newest)[1]["position"]["step"] == summary["steps"]
    assert f"stopped by SIGTERM after step {summary['steps']}" in said


@pytest.mark.parametrize(
    ("room", "named"),
    [pytest.param(8_000, "the weights", marks=pytest.mark.exhaustive), (14_000, "a checkpoint")],
)
def test_no_room_for_a_file_ends_the_run_and_names_it(tmp_path: Path, room: int, named: str) -> None:
    """The kernel refuses to let a file grow beyond *room* bytes, as a full disk would."""
    workdir = tmp_path / "run"
    code = (
        f"import resource, runpy, signal, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}));"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    line = [sys.executable, "-c", code, str(HERE / "small_job.py"), str(workdir)]
    done = subprocess.run(line, env=environ(), capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"The disk is full: {named} could not be written to {workdir}" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((workdir / "summary.json").read_text())["reason"] == "failed"
    assert not list(workdir.rglob(f"{names.ASIDE}*"))


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_step(tmp_path: Path) -> None:
    process = start(tmp_path, "optimizer=sgd", "lr=1e30", "schedule=constant", "num_epochs=2")
    said = finish(process)

    assert process.returncode == 1
    assert re.search(r"The loss became (nan|inf) at step [23] \(noticed at step \d+\)", said), said
    assert json.loads((tmp_path / "summary.json").read_text())["reason"] == "failed"
    assert checkpoint.newest(tmp_path / "checkpoints") is None
