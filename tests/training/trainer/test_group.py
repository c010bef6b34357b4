"""Several workers on one net: the numbers of one worker, the same numbers each time, and one run for all that stop."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from tests.sizes import size, tried
from training.errors import BadInput
from training.trainer.group import Alone, Together

PROJECT = Path(__file__).resolve().parents[3]
LAUNCHER = PROJECT / "infra/remote/workers.py"
SMALL_JOB = (str(PROJECT / "tests/training/small_job.py"),)
NO_NOISE = ("dropout=0", "num_epochs=1", "log_interval=1")


class OneOf(Together):
    """A worker's arithmetic, without the others."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


def test_the_batches_of_many_workers_are_those_of_one() -> None:
    order, batch = np.random.RandomState(1).permutation(103), 12
    whole = Alone().cut(order, batch)[: 103 // batch * batch].reshape(-1, batch)

    for workers in (1, 2, 3, 4):
        parts = [OneOf(rank, workers).cut(order, batch).reshape(len(whole), -1) for rank in range(workers)]
        assert np.array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize("workers", range(2, 9))
def test_a_batch_that_cannot_be_shared_equally_is_refused_with_those_that_can(workers: int) -> None:
    """Whatever is offered is taken, of as many examples; a batch is never larger than all of them."""
    for examples in range(1, 40):
        for asked in range(1, 40):
            batch = min(asked, examples)
            if examples >= workers and batch % workers == 0:
                OneOf(0, workers).require_shares(batch, examples)
                continue
            with pytest.raises(BadInput) as refused:
                OneOf(0, workers).require_shares(batch, examples)
            offered = [int(number) for number in re.findall(r"batch_size=(\d+)", refused.value.hint)]
            assert offered or f"{examples} workers can" == refused.value.hint
            for each in offered:
                OneOf(0, workers).require_shares(min(each, examples), examples)


@pytest.fixture
def _horovod() -> None:
    pytest.importorskip("horovod", reason="Horovod is not built here; make extra-horovod builds it")


def start(workers: int, program: tuple[str, ...], *words: str) -> subprocess.Popen[str]:
    paths = [str(PROJECT), str(PROJECT / "tests/training")]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    if workers > 2:  # what is fused into one sum depends on the clock, and with it the order of additions
        environ["HOROVOD_FUSION_THRESHOLD"] = "0"
    launched = [str(LAUNCHER), "--workers", str(workers), "--", sys.executable] if workers > 1 else []
    line = [sys.executable, *launched, *program, *words]
    return subprocess.Popen(line, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def rows(workdir: Path) -> list[dict[str, float]]:
    """Of metrics.jsonl, without the clock."""
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


def losses(workdir: Path) -> list[float]:
    return [row["loss"] for row in rows(workdir) if "loss" in row]


def by_size(folder: Path, program: tuple[str, ...], *words: str, sizes: tuple[int, ...]) -> dict[int, list[float]]:
    for workers in sizes:
        finish(start(workers, program, str(folder / str(workers)), *words))
    return {workers: losses(folder / str(workers)) for workers in sizes}


def epochs_of(folder: Path, workers: int) -> list[float]:
    """The losses that the program of docs/scaling.md prints; it leaves its weights in *folder*."""
    launched = [str(LAUNCHER), "--workers", str(workers), "--", sys.executable] if workers > 1 else []
    line = [sys.executable, *launched, str(PROJECT / "docs/examples/several_workers.py")]
    environ = os.environ | {"RIG_RUN_DIR": str(folder), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(line, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = finish(process).splitlines()
    assert len(said) == 5, "one of them speaks"
    assert (folder / "net.params").is_file()
    return [float(one.rpartition(" ")[2]) for one in said]


def test_the_program_of_the_docs_learns_alone_without_horovod(tmp_path: Path) -> None:
    losses = epochs_of(tmp_path, 1)

    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 100


@pytest.mark.usefixtures("_horovod")
def test_the_program_of_the_docs_learns_the_same_on_two_workers(tmp_path: Path) -> None:
    assert epochs_of(tmp_path, 2) == pytest.approx(epochs_of(tmp_path, 1), rel=1e-4, abs=2e-6)


@pytest.mark.usefixtures("_horovod")
def test_two_workers_have_the_losses_of_one_at_each_step(tmp_path: Path) -> None:
    found = by_size(tmp_path, SMALL_JOB, *NO_NOISE, sizes=(1, 2))

    assert len(found[1]) == 40
    np.testing.assert_allclose(found[2], found[1], rtol=1e-5)


@pytest.mark.usefixtures("_horovod")
@pytest.mark.exhaustive
def test_several_workers_have_the_losses_of_one_on_turbofan(tmp_path: Path) -> None:
    folder = Path(os.environ.get("RIG_DATA") or PROJECT.parent / "shared/data")
    if not (folder / "cmapss").is_dir():
        pytest.skip("Get C-MAPSS from NASA, see training/prognostics/cmapss.py")
    words = ("dropout=0", "jitter=0", "num_epochs=1", "log_interval=1", "device=cpu", f"data={folder}")
    found = by_size(tmp_path, ("-m", "training", "turbofan", "--workdir"), *words, sizes=size((1, 2), (1, 2, 4)))

    assert len(found[1]) > 200
    for workers in found:
        np.testing.assert_allclose(found[workers], found[1], rtol=1e-5)


@pytest.mark.usefixtures("_horovod")
@pytest.mark.exhaustive
@pytest.mark.parametrize("workers", size([2], [2, 3, 4]))
def test_a_group_repeats_itself_and_goes_on_to_the_bit_after_one_of_it_was_asked_to_stop(
    tmp_path: Path, workers: int
) -> None:
    """With noise in every step. SIGTERM reaches the last worker alone, as from a machine that is taken back."""
    words = ("num_epochs=4", "examples=1200", "batch_size=12", "checkpoint_every_s=0.2")
    finish(start(workers, SMALL_JOB, str(tmp_path / "unbroken"), *words))

    stop_after_a_checkpoint(start(workers, SMALL_JOB, str(tmp_path / "broken"), *words), tmp_path / "broken")
    said = json.loads((tmp_path / "broken/summary.json").read_text())
    resumed = finish(start(workers, SMALL_JOB, str(tmp_path / "broken"), *words))

    assert (said["reason"], said["message"]) == ("interrupted", "SIGTERM")
    assert "going on from step-" in resumed
    assert rows(tmp_path / "broken") == rows(tmp_path / "unbroken")
    assert (tmp_path / "broken/best.params").read_bytes() == (tmp_path / "unbroken/best.params").read_bytes()


def stop_after_a_checkpoint(run: subprocess.Popen[str], workdir: Path) -> None:
    while not list(workdir.glob("checkpoints/*.ckpt")):
        assert run.poll() is None, run.communicate()
        time.sleep(0.01)
    workers = psutil.Process(run.pid).children()
    max(workers, key=lambda one: int(one.environ()["HOROVOD_RANK"])).send_signal(signal.SIGTERM)
    finish(run)


@pytest.mark.usefixtures("_horovod")
@pytest.mark.exhaustive
@pytest.mark.parametrize("workers", [1, 4])
def test_what_two_workers_began_any_number_of_them_goes_on_with(tmp_path: Path, workers: int) -> None:
    words = ("dropout=0", "num_epochs=4", "log_interval=1", "checkpoint_every_s=0.2")
    finish(start(1, SMALL_JOB, str(tmp_path / "unbroken"), *words))
    stop_after_a_checkpoint(start(2, SMALL_JOB, str(tmp_path / "broken"), *words), tmp_path / "broken")
    before = len(losses(tmp_path / "broken"))

    resumed = finish(start(workers, SMALL_JOB, str(tmp_path / "broken"), *words))

    assert "going on from step-" in resumed
    assert 0 < before < 160 == len(losses(tmp_path / "broken"))
    np.testing.assert_allclose(losses(tmp_path / "broken"), losses(tmp_path / "unbroken"), rtol=1e-4)


@pytest.mark.usefixtures("_horovod")
@pytest.mark.exhaustive
def test_a_worker_that_is_killed_at_any_moment_ends_the_run_and_is_named(tmp_path: Path) -> None:
    """While Python starts, before the first step, in a step, an evaluation, a checkpoint, and at the very end."""
    words = ("num_epochs=3", "checkpoint_every_s=0.1")
    began = time.monotonic()
    finish(start(2, SMALL_JOB, str(tmp_path / "whole"), *words))
    whole_s, named = time.monotonic() - began, 0
    for moment in range(size(6, 50)):
        rank = moment % 2
        run = start(2, SMALL_JOB, str(tmp_path / f"killed-{moment}"), *words)
        time.sleep(whole_s * (moment + 0.5) / size(6, 50))
        for one in psutil.Process(run.pid).children() if run.poll() is None else []:
            with suppress(psutil.Error):
                if int(one.environ()["HOROVOD_RANK"]) == rank:
                    one.kill()
        said, _ = run.communicate(timeout=90)
        tried()
        last = said.splitlines()[-1]
        dead = f"gluon-rig: worker {rank} was ended by SIGKILL; the run ends everywhere"
        assert (run.returncode, last == dead) in ((0, False), (137, True)), said
        named += last == dead
    assert named, "most of them were under way"


@pytest.mark.usefixtures("_horovod")
@pytest.mark.exhaustive
def test_a_worker_with_other_data_is_named_before_the_first_step(tmp_path: Path) -> None:
    program = (
        "import os, sys; sys.argv = ['small_job.py', *sys.argv[1:]]; import small_job; from pathlib import Path\n"
        "from training.errors import TrainingError\n"
        "try:\n small_job.run(Path(sys.argv[1]), 'examples=' + str(640 + int(os.environ['HOROVOD_RANK'])))\n"
        "except TrainingError as error: print(error, flush=True); sys.exit(error.exit_code)\n"
    )
    process = start(2, ("-c", program), str(tmp_path / "run"))
    said, _ = process.communicate(timeout=120)

    assert process.returncode == 2
    assert "worker 1 (node 1) has other data than the first worker" in said
