"""`python -m training` as a user or a container starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from training.__main__ import main

PROJECT = Path(__file__).parents[2]


def test_a_job_trains_from_the_command_line(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "training", "linear", f"--workdir={tmp_path / 'run'}", "num_epochs=2"]
    environ = {
        **os.environ,
        "RIG_USD_PER_HOUR": "0.526",
        "RIG_INSTANCE_TYPE": "g4dn.xlarge",
        "RIG_GIT_COMMIT": "abc123",
        "RIG_PRETENDED": "1",
    }
    done = subprocess.run(line, cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    report = (tmp_path / "run" / "report.html").read_text()

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("process tuned: OMP_NUM_THREADS=")
    assert "\n[100%] test rmse 0.0" in done.stdout
    assert (summary["job"], summary["reason"]) == ("linear", "done")
    assert summary["by"] == "gluon-rig"
    assert all(word in report for word in ("g4dn.xlarge", "abc123", "<b>would be $0.526</b><span>an hour"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lanet", "--workdir", "x"], "lanet: there is no such job; did you mean lenet?\n  -> jobs: "),
        (["lenet"], "--workdir is missing.\n  -> say where"),
        (["lenet", "--workdir"], "--workdir is missing."),
        (["lenet", "--workdir", "x", "learning_rate=1", "speed"], "  - 'speed': write it as key=value"),
        (["resnet", "--workdir", "x", "data=/nowhere"], "CIFAR-10 is not in /nowhere/cifar-10.\n  -> mkdir"),
        (["mlp", "--workdir", "x", "hidden=256,0"], "  - hidden=256,0: write it as 256 or 256,128"),
        (["linear", "--workdir", "/dev/null"], "/dev/null is a file."),
        (["linear", "--workdir", "x", "device=tpu"], "device=tpu: say auto, cpu, gpu, or cpu:2"),
        (
            ["linear", "--workdir", "x", "lr=1e308", "wd=1e-320"],
            "  - lr=1e308: must fit into 32 bits\n  - wd=1e-320: must",
        ),
        (["linear", "--workdir", "x", "device=gpu"], "MXNet sees no GPU.\n  -> device=auto"),
        (["compare", "/nowhere"], "/nowhere is not the folder of a run"),
    ],
)
def test_bad_input_is_one_clear_message_and_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "training.trainer.signals.StopRequest.listen", lambda self: self
    )  # leaves pytest's Ctrl-C alone

    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_shows_the_recipe_card_and_every_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.trainer.signals.StopRequest.listen", lambda self: self)

    assert main(["lenet", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "python -m training lenet --workdir" in shown
    assert "update=trainer" in shown
    assert main([]) == 0
    assert "  resnet           ResNet-20 on CIFAR-10" in capsys.readouterr().out


def test_nobody_waits_for_mxnet_to_be_told_something() -> None:
    ask = (
        "import sys; from training.__main__ import main; from training.jobs import JOBS;"
        "helped = [main([]), *(main([job, '--help']) for job in JOBS)];"
        "refused = [main([job, '--workdir=x', 'slip=1']) for job in JOBS];"
        "heavy = {'mxnet', 'onnx', 'matplotlib', 'tensorboard', 'requests'} & set(sys.modules);"
        "print({*helped}, {*refused}, heavy)"
    )

    said = subprocess.run([sys.executable, "-c", ask], cwd=PROJECT, capture_output=True, text=True, check=True).stdout

    assert said.splitlines()[-1] == "{0} {2} set()"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    line = [sys.executable, "-m", "training", "lenet", "--help"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(line, cwd=PROJECT, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)

    assert (done.returncode, done.stderr) == (1, "")
