from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.compat import mx
from training.config import option, parse
from training.data.splits import Data, Split
from training.errors import BadInput
from training.jobs import JOBS, linear, load
from training.train import train_and_evaluate
from training.trainer import devices
from training.trainer.recipe import Recipe, in_order
from training.workdir.metrics import MetricsFile
from training.workdir.summary import Summary


def pictures(channels: int = 1, side: int = 28, examples: int = 384) -> Data:
    random = np.random.RandomState(1)
    X = random.randint(0, 255, (examples + 128, channels, side, side)).astype(np.uint8)
    y = random.randint(0, 10, len(X)).astype(np.int32)
    X[np.arange(len(X)), :, y, :] = 255  # the bright row tells the class,
    X[:, 1:] = (20 * y)[:, None, None, None]  # and in colour the brightness, which shifting leaves alone
    whole = Split(X, y)
    return Data(whole[128:], whole[:64], whole[64:128], "made up", "none", tuple("abcdefghij"))


def run(job: str, workdir: Path, *words: str, made_up: Callable[[Any], Data] | None = None) -> Summary:
    recipe = load(job)
    if made_up is not None:
        recipe = replace(recipe, data=made_up)
    config = parse(recipe.config, ["device=cpu", *words])
    return train_and_evaluate(recipe, config, workdir)


def losses(workdir: Path) -> list[float]:
    return [row["loss"] for row in MetricsFile(workdir / "metrics.jsonl").rows() if "loss" in row]


@pytest.mark.parametrize(
    ("scratch", "gluon", "words"),
    [
        ("linear_scratch", "linear", ["num_epochs=2"]),
        ("softmax_scratch", "softmax", ["num_epochs=3", "batch_size=64", "log_interval=1"]),
        (
            "mlp_scratch",
            "mlp",
            ["num_epochs=3", "batch_size=64", "log_interval=1", "wd=0.01", "activation=tanh", "lr=0.1"],
        ),
    ],
)
def test_scratch_and_gluon_reach_the_same_loss_step_by_step(
    tmp_path: Path, scratch: str, gluon: str, words: list[str]
) -> None:
    made_up = None if gluon == "linear" else lambda _: pictures()
    ours = run(scratch, tmp_path / "scratch", *words, made_up=made_up)
    theirs = run(gluon, tmp_path / "gluon", *words, made_up=made_up)

    assert losses(tmp_path / "scratch") == pytest.approx(losses(tmp_path / "gluon"), rel=1e-4)
    assert losses(tmp_path / "gluon")[-1] < 0.9 * losses(tmp_path / "gluon")[0]
    assert ours.scores == pytest.approx(theirs.scores, rel=1e-3)
    assert max(ours.onnx_difference or 1, theirs.onnx_difference or 1) < 1e-4


def test_lenet_updated_by_hand_and_by_the_trainer_gives_the_same_numbers(tmp_path: Path) -> None:
    words = ("num_epochs=2", "batch_size=64", "log_interval=1", "wd=0.001")
    run("lenet", tmp_path / "manual", *words, "update=manual", made_up=lambda _: pictures())
    summary = run("lenet", tmp_path / "trainer", *words, "update=trainer", made_up=lambda _: pictures())

    assert losses(tmp_path / "manual") == pytest.approx(losses(tmp_path / "trainer"), rel=1e-4)
    assert summary.onnx_difference is not None
    assert summary.onnx_difference < 1e-4


def test_a_batch_split_over_two_devices_teaches_the_same(tmp_path: Path) -> None:
    words = ("num_epochs=2", "batch_size=64", "log_interval=1")
    run("lenet", tmp_path / "one", *words, made_up=lambda _: pictures())
    two = run("lenet", tmp_path / "two", *words, "device=cpu:2", made_up=lambda _: pictures())

    assert two.device == "cpu(0), cpu(1)"
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)


@pytest.mark.parametrize(("word", "examples"), [("limit=1", 384), ("batch_size=1", 384), ("limit=0", 1)])
def test_a_batch_that_has_no_example_for_some_device_is_refused(word: str, examples: int, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="A batch of 1 cannot be shared among 2 devices"):
        run("lenet", tmp_path, "device=cpu:2", word, made_up=lambda _: pictures(examples=examples))
    assert list(tmp_path.iterdir()) == []


def test_resnet_learns_and_exports(tmp_path: Path) -> None:
    words = ("num_epochs=4", "batch_size=16", "blocks=1", "log_interval=4", "lr=0.05", "limit=64")
    summary = run("resnet", tmp_path, *words, made_up=lambda _: pictures(3, 32, 64))

    assert losses(tmp_path)[-1] < losses(tmp_path)[0]
    assert summary.onnx_difference is not None
    assert summary.onnx_difference < 1e-4


@pytest.mark.exhaustive
def test_mixed_precision_takes_about_the_same_steps(tmp_path: Path) -> None:
    """In a process of its own: mixed precision changes MXNet's operators for good."""
    words = ("num_epochs=1", "batch_size=16", "blocks=1", "log_interval=1", "lr=0.01", "limit=64")
    run("resnet", tmp_path / "full", *words, made_up=lambda _: pictures(3, 32, 64))
    code = (
        "import sys, pathlib; import tests.training.jobs.test_jobs as t;"
        "t.run('resnet', pathlib.Path(sys.argv[1]), *sys.argv[2:], made_up=lambda _: t.pictures(3, 32, 64))"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    line = [sys.executable, "-c", code, str(tmp_path / "mixed"), "amp=1", *words]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert losses(tmp_path / "mixed") == pytest.approx(losses(tmp_path / "full"), rel=0.05)
    assert losses(tmp_path / "mixed") != losses(tmp_path / "full")


def test_settings_a_job_would_not_obey_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"knows nothing of momentum=0\.5, wd=0\.1"):
        run("linear_scratch", tmp_path, "momentum=0.5", "wd=0.1")
    with pytest.raises(BadInput, match="without clip"):
        run("lenet", tmp_path, "update=manual", "clip=1", made_up=lambda _: pictures())
    with pytest.raises(BadInput, match=r"optimizer=adan: there is no such optimizer; did you mean adam\?"):
        run("linear", tmp_path, "optimizer=adan")
    with pytest.raises(BadInput, match="optimizer=groupadagrad takes tables of embeddings only"):
        run("linear", tmp_path, "optimizer=groupadagrad")
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True, kw_only=True)
class BriefLine(linear.Config):
    """Of a module that no job lives in: a user's own file may derive one."""

    num_epochs: int = option(1, "times the training set is seen", least=1)


def test_a_recipe_trains_with_a_config_class_of_any_module(tmp_path: Path) -> None:
    summary = train_and_evaluate(replace(load("linear"), config=BriefLine), BriefLine(device="cpu"), tmp_path)

    assert (summary.job, summary.reason, summary.metric) == ("linear", "done", "rmse")
    assert summary.score == pytest.approx(0.01, abs=0.05)


@pytest.mark.parametrize("name", JOBS)
def test_every_recipe_card_says_command_minutes_and_score(name: str) -> None:
    card = load(name).card

    assert f"python -m training {name} --workdir" in card
    assert re.search(r"Minutes: [\d.]+.*Expect[^.]* \d+\.\d|Minutes and score depend on", card, re.DOTALL)


def test_device_auto_takes_what_it_measured_to_be_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    config = parse(load("resnet").config, ["gpus=all"])
    seconds = {"gpu": 0.002, "cpu": 0.001}

    def choose() -> devices.DeviceChoice:
        return devices.choose(
            config, batch=128, gpu_required=False, seconds_per_step=lambda on: seconds[on[0].device_type]
        )

    assert str(choose()) == "cpu(0)"
    assert choose().why == (
        "measured 2.0 ms a step on the GPU, 1.0 ms on the CPU: a net this small is faster on the CPU"
    )
    seconds["cpu"] = 0.5
    assert str(choose()) == "gpu(0), gpu(1)"


def test_a_gpu_that_must_be_there_and_is_not_ends_the_run_before_it_starts() -> None:
    config = parse(load("lenet").config, [])

    with pytest.raises(BadInput, match="must have a GPU"):
        devices.choose(config, batch=128, gpu_required=True, seconds_per_step=lambda _: 0)


def test_each_epoch_sees_every_example_at_most_once_and_in_whole_batches() -> None:
    X = mx.nd.arange(10)
    seen = [list(map(int, part.asnumpy())) for part, _ in in_order(X, X, 3, np.array([3, 1, 4, 0, 5, 9, 2, 6, 8, 7]))]

    assert seen == [[3, 1, 4], [0, 5, 9], [2, 6, 8]]


def test_recipes_compare_scores_their_own_way() -> None:
    up: Recipe = load("lenet")
    down: Recipe = load("linear")

    assert (up.better(0.9, 0.8), down.better(0.9, 0.8), up.better(0.1, None)) == (True, False, True)
